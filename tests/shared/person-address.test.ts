import { expect, test } from 'vitest';
import { variables } from '../../shared/runtime/env.ts';
import { maskNumbers } from '../../shared/runtime/log.ts';
import { Message } from '../../shared/store/message.ts';
import {
  PersonAddress,
  isPhoneNumber,
  maskAddress,
  parseWhatsappAddress,
} from '../../shared/runtime/person-address.ts';
import { tickId } from '../../shared/store/schedules.ts';

const userId = 'US.13491208655302741918';

test('a number and a user id are addresses, with and without the channel', () => {
  for (const address of [
    '+15551230001',
    userId,
    'US.ENT.11815799212886844830',
    'BR.a1B2',
    `DE.${'9'.repeat(128)}`,
  ]) {
    expect([
      PersonAddress.parse(address),
      PersonAddress.parse(` whatsapp:${address} `),
      parseWhatsappAddress(`whatsapp:${address}`),
    ]).toEqual([address, address, address]);
    expect(isPhoneNumber(address)).toBe(address.startsWith('+'));
  }
});

/** What nobody is. */
const wrong = [
  '',
  '+',
  '+0123456789',
  '+123456',
  `+${'1'.repeat(16)}`,
  '15551230001',
  '+1555 123 0001',
  '+１５５５１２３０００１',
  '+1555123000١',
  'US',
  'US.',
  'US. 1',
  'us.1349',
  'Us.1349',
  'USA.1349',
  'U.1349',
  '..',
  'US..1349',
  'US.1/../2',
  'US.1:2',
  'US.1*',
  'US.\u0661',
  `US.${'1'.repeat(129)}`,
  'US.ENT.',
  'US.ENT.ENT.1',
  'US.1\n',
  'whatsapp:whatsapp:+15551230001',
  'whatsapp:whatsapp:US.1',
  '+15551230001,+15551230002',
  'US.1349%00',
  'ＵＳ.1349',
];

test.each(wrong)('%j is no address', (address) => {
  expect(parseWhatsappAddress(`whatsapp:${address}`)).toBeUndefined();
  expect(
    PersonAddress.safeParse(address.trim() === address ? `whatsapp:${address}` : 'x').success,
  ).toBe(false);
});

test('Twilio’s address is taken to the letter', () => {
  for (const address of [
    '+15551230001',
    'WhatsApp:+15551230001',
    'WHATSAPP:+15551230001',
    ' whatsapp:+15551230001',
    'whatsapp: +15551230001',
    'whatsapp: 15551230001',
    'whatsapp:+15551230001 ',
    'whatsapp:+15551230001\n',
    'messenger:+15551230001',
    'rcs:+15551230001',
    'whatsapp+15551230001',
    'whatsapp：+15551230001',
  ]) {
    expect(parseWhatsappAddress(address), `of ${address}`).toBeUndefined();
  }
});

test('ALLOWED_SENDERS takes numbers and user ids together, and says what is wrong without saying the value', () => {
  const read = (value: string) => variables.ALLOWED_SENDERS.safeParse(value);
  expect(read(`+15551230001, ${userId} ,whatsapp:US.ENT.118,whatsapp:+15551230002,`).data).toEqual([
    '+15551230001',
    userId,
    'US.ENT.118',
    '+15551230002',
  ]);
  const refused = read('us.1349');
  expect(refused.success).toBe(false);
  expect(JSON.stringify(refused.error?.issues)).toMatch(/phone number such as .* user id such as/);
  expect(JSON.stringify(refused.error?.issues)).not.toContain('us.1349');
});

test('a log shows a user id as little as a number', () => {
  expect(maskAddress(userId)).toBe('US.…18');
  expect(maskAddress(`whatsapp:${userId}`)).toBe('US.…18');
  expect(maskAddress('whatsapp:+15551230001')).toBe('+1…01');
  const line = maskNumbers(
    `{"from":"whatsapp:${userId}","turn":"schedule-${userId}-1-2","path":"/data/workspaces/${userId}/x","url":"?conversation=${userId}&turn=limit.9.${userId}","ent":"US.ENT.11815799212886844830","mixed":"BR.a1b2c3d4e5"}`,
  );
  expect(line).not.toMatch(/1349120|1181579|a1b2c3/);
  expect(JSON.parse(line)).toMatchObject({ turn: 'schedule-US.…18-1-2', from: 'whatsapp:US.…18' });
  expect(maskNumbers('Node.js v24 in US.md, IO.read and 127.0.0.1')).toBe(
    'Node.js v24 in US.md, IO.read and 127.0.0.1',
  );
});

test('what a schedule writes for either kind of person can be read back, and for a number it is what it was', () => {
  for (const [conversation, id] of [
    ['+15551230001', 'schedule-15551230001-2-1750000000000'],
    [userId, `schedule-${userId}-2-1750000000000`],
    ['US.ENT.118', 'schedule-US.ENT.118-2-1750000000000'],
  ] as const) {
    expect(
      tickId({ conversation, number: 2, prompt: 'x', timezone: 'UTC' }, 1_750_000_000_000),
    ).toBe(id);
    expect(
      Message.safeParse({ id, conversation, at: new Date(0).toISOString(), text: '', media: [] })
        .error,
    ).toBeUndefined();
  }
});
