import { expect, test } from 'vitest';
import type { Answer } from '../../simulator/model/answer.ts';
import { parseConversation } from '../../simulator/model/conversation-view.ts';
import { parseMessagesRequest } from '../../simulator/model/messages-request.ts';
import { tellStory } from '../../simulator/model/stories/stories.ts';

/** What the model says to a text, after a tool that gave this result if there is one. */
function tell(asked: string, result?: string): Answer {
  const exchanged = [
    {
      role: 'assistant',
      content: [{ type: 'tool_use', id: 't', name: 'mcp__whatsapp__schedule_turn', input: {} }],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: result }] },
  ];
  const messages = [{ role: 'user', content: asked }, ...(result === undefined ? [] : exchanged)];
  return tellStory(
    parseConversation(parseMessagesRequest(JSON.stringify({ model: 'm', messages }))),
    { quiet: true },
  );
}

test.each([
  [
    'remind me in 2 minutes to water the plants',
    'schedule_turn',
    { prompt: 'say Reminder: water the plants', in_minutes: 2 },
  ],
  [
    'Please remind me in 30 seconds to breathe',
    'schedule_turn',
    { prompt: 'say Reminder: breathe', in_minutes: 0.5 },
  ],
  ['remind me in 1.5 hours to go', 'schedule_turn', { prompt: 'say Reminder: go', in_minutes: 90 }],
  [
    'every weekday at 9 in Europe/Berlin say good morning',
    'schedule_turn',
    { prompt: 'say good morning', cron: '0 9 * * 1-5', timezone: 'Europe/Berlin' },
  ],
  [
    'every day at 18:30: look at the deploy log',
    'schedule_turn',
    { prompt: 'look at the deploy log', cron: '30 18 * * *' },
  ],
  ['every minute say tick', 'schedule_turn', { prompt: 'say tick', cron: '* * * * *' }],
  ['list my schedules', 'list_schedules', {}],
  ['cancel schedule 2', 'cancel_schedule', { id: '2' }],
])('%s calls %s', (asked, name, input) => {
  expect(tell(asked)).toEqual([{ type: 'tool_use', name: `mcp__whatsapp__${name}`, input }]);
});

test('what the tool said is the answer, and what is due is done', () => {
  expect(tell('remind me in 2 minutes to water the plants', 'Scheduled as number 1.')).toEqual([
    { type: 'text', text: 'Scheduled as number 1.' },
  ]);
  expect(tell('[Scheduled: once, Mon 5 Jan 2026, 9:00]\nsay Reminder: water the plants')).toEqual([
    { type: 'text', text: 'Reminder: water the plants' },
  ]);
});
