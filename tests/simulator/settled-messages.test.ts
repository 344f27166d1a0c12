import { expect, test } from 'vitest';
import type { ChatMessage } from '../../simulator/chat.ts';
import { chosenTitle, withoutResent } from '../../simulator/phone/page/settled-messages.ts';

let count = 0;
const message = (change: Partial<ChatMessage>): ChatMessage => ({
  sid: `SM${(count += 1)}`,
  phone: '+15551230001',
  direction: 'outbound',
  text: '',
  media: [],
  buttons: [],
  list: undefined,
  quoted: undefined,
  status: 'delivered',
  errorCode: undefined,
  at: '2026-01-31T12:00:00.000Z',
  ...change,
});
const titled = (...titles: string[]) => titles.map((title) => ({ id: title, title }));
const question = message({ text: 'Which colour?', buttons: titled('Red', 'Green', 'Blue') });
const said = (text: string, quoted?: string): ChatMessage =>
  message({ direction: 'inbound', text, quoted });

test.each([
  ['a tap', [said('Red', question.sid)], 'Red'],
  ['a swipe with other words', [said('the dark one', question.sid)], ''],
  ['the title in a plain text', [said('hm'), said('green.')], 'Green'],
  ['its number', [said('3')], 'Blue'],
  ['other words', [said('the dark one')], undefined],
  [
    'what answers the next question',
    [message({ text: 'And?', buttons: titled('Red') }), said('red')],
    undefined,
  ],
  ['nothing', [], undefined],
])('a question is answered by %s', (_how, later, title) => {
  expect(chosenTitle(question, [question, ...later])).toBe(title);
});

test('a list is answered once as well, and what has no choices never', () => {
  const list = message({ list: { button: 'Choose', items: titled('Today', 'Later') } });
  expect(chosenTitle(list, [list, said('Later', list.sid)])).toBe('Later');
  expect(chosenTitle(list, [list])).toBeUndefined();
  const plain = message({ text: 'no question' });
  expect(chosenTitle(plain, [plain, said('1', plain.sid)])).toBeUndefined();
});

test('a reply that was parked and sent again is there once, at its second place', () => {
  const parked = message({ text: 'the answer', status: 'undelivered', errorCode: 63016 });
  const again = message({ text: 'the answer' });
  const lost = message({ text: 'another', status: 'failed', errorCode: 63016 });
  const mine = message({ direction: 'inbound', text: 'hi', status: 'failed' });
  const mineAgain = message({ direction: 'inbound', text: 'hi' });
  const chat = [parked, mine, mineAgain, again, lost];
  expect(withoutResent(chat)).toEqual([mine, mineAgain, again, lost]);
});
