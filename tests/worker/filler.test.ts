import { expect, test } from 'vitest';
import { isFiller } from '../../worker/agent/claude/filler.ts';

test.each([
  'Let me look at the login page.',
  'Let me check `src/login.ts`:',
  "I'll run the tests now.",
  'I’ll take a screenshot…',
  'Now let me fix the typo in line 43.',
  'Great! Let me commit this.',
  'Okay, I need to read the file first.',
  'Perfect.',
  'So let me try it.',
  'Let’s see what the server says.',
  'Now I will open the page on a phone’s size:',
])('“%s” before a tool is filler', (text) => {
  expect(isFiller(text)).toBe(true);
});

test.each([
  'The bug is in line 43.',
  'The bug is in line 43 … let me mend it.',
  'Let me fix it. The cause is a missing await.',
  'Let me note this: the key in .env is not the one that is used.',
  "I'll stop here because the disk is full? Only 3 MB are left.",
  'All tests pass.',
  'Looking good: 12 of 12.',
  'Ich sehe mir die Anmeldeseite an.',
  'Let me summarise\n- one\n- two',
  `I'll explain it at length: ${'word '.repeat(60)}`,
  `I'll explain ${'word '.repeat(60)}`,
  'Let me look\nat this',
  'Illness is no filler.',
  'Good news: it works.',
  'I’ll use port 8081 because 8080 is taken.',
  'Let me fix it — the cause is a missing await.',
  "I won't delete the database.",
  'I’ll skip the tests, they take 20 minutes.',
  'I need to know your password, but do not send it here.',
  '👍',
  '`npm test` fails',
])('“%s” before a tool arrives', (text) => {
  expect(isFiller(text)).toBe(false);
});
