import { expect, test } from 'vitest';
import type { ChatMessage } from '../../simulator/chat.ts';
import { ReplyPrinter } from '../../simulator/phone/reply-printer.ts';

const reply = (sid: string, change: Partial<ChatMessage>): ChatMessage => ({
  sid,
  phone: '+15551230001',
  direction: 'outbound',
  text: '',
  media: [],
  buttons: [],
  list: undefined,
  quoted: undefined,
  status: 'sent',
  errorCode: undefined,
  at: '2026-01-31T12:00:00.000Z',
  ...change,
});

test('a picture that comes late is printed all the same, before the text that follows it', () => {
  const lines: string[] = [];
  const printer = new ReplyPrinter([reply('SM0', { text: 'before' })], (line) => lines.push(line));
  const text = reply('SM2', { text: 'Here it is.' });
  const chat = [reply('SM0', { text: 'before' }), reply('MM1', { status: 'queued' }), text];
  expect(printer.show(chat)).toEqual({ printed: 0, isBehind: true });
  const media = [{ url: 'http://127.0.0.1/x.png', type: 'image/png', name: 'x.png', size: 1 }];
  const arrived = [reply('MM1', { media }), text];
  expect(printer.show(arrived)).toEqual({ printed: 2, isBehind: false });
  expect(printer.show(arrived)).toEqual({ printed: 0, isBehind: false });
  expect(lines).toEqual(['http://127.0.0.1/x.png', 'Here it is.']);
});
