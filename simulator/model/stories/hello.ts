import { text } from '../answer.ts';
import type { Story } from './story.ts';

/** What the scripted model can do, in the words the person would write. */
const abilities = [
  'take a screenshot of https://example.com',
  'run: ls -la',
  'write notes.txt with Buy milk',
  'in the background: sleep 20',
  'work for 30 seconds (write to me meanwhile)',
  'ask me something',
  'remind me in 2 minutes to water the plants',
  'long answer',
  'say anything',
  'fail',
];

/** Any text that no other story matches. */
export const hello: Story = {
  matches: () => true,
  next: () =>
    text(
      [
        'Hello! I am a scripted model without an API key, so I only know a few stories. The shell and the browser I work with are real.',
        'Try one of these:',
        abilities.map((ability) => `- ${ability}`).join('\n'),
      ].join('\n\n'),
    ),
};
