import { expect, test } from 'vitest';
import { formatNumber, parseNumber } from '../../simulator/phone/page/phone-number.ts';
import { isPhone } from '../../simulator/phone/phone-input.ts';
import { FROM, PHONE, withTwilio } from '../support/twilio-bench.ts';
import { until } from '../support/until.ts';

const userId = 'US.13491208655302741918';

test('a phone without a number writes by its user id and gets what is sent to it', async () => {
  await withTwilio({ phones: [userId] }, async ({ twin, receiver, client }) => {
    expect(twin.chat.phones()).toEqual([userId]);
    await twin.chat.receive(userId, { text: 'hello' });
    const params = receiver.received.at(-1)?.params ?? {};
    expect(params).toMatchObject({
      From: `whatsapp:${userId}`,
      ExternalUserId: `whatsapp:${userId}`,
    });
    expect(Object.keys(params)).not.toContain('WaId');
    const sent = await client.messages.create({
      from: FROM,
      to: `whatsapp:${userId}`,
      body: 'hello back',
    });
    expect(sent.to).toBe(`whatsapp:${userId}`);
    await until('the reply', () =>
      twin.chat
        .messages(userId)
        .some(({ text, status }) => text === 'hello back' && status === 'delivered'),
    );
  });
});

test('a phone with both writes as it is told, and gets what is sent to either', async () => {
  await withTwilio({}, async ({ twin, receiver, client }) => {
    const seen = async (): Promise<(string | undefined)[]> => {
      await twin.chat.receive(PHONE, { text: 'x' });
      const { From, WaId, ExternalUserId } =
        receiver.received.findLast(({ path }) => path === '/webhook')?.params ?? {};
      return [From, WaId, ExternalUserId];
    };
    const [, , id = ''] = await seen();
    expect(id).toMatch(/^whatsapp:ID\.\d{16}$/);
    twin.chat.writeAs(PHONE, 'id');
    expect(await seen()).toEqual([id, PHONE.slice(1), id]);
    twin.chat.writeAs(PHONE, 'id alone');
    expect(await seen()).toEqual([id, undefined, id]);
    twin.chat.writeAs(PHONE, 'number');
    expect(await seen()).toEqual([`whatsapp:${PHONE}`, PHONE.slice(1), id]);
    await client.messages.create({ from: FROM, to: id, body: 'to the id' });
    await until('the message', () =>
      twin.chat.messages(PHONE).some(({ text }) => text === 'to the id'),
    );
    expect(() => twin.chat.writeAs(userId, 'id')).toThrow('no number');
  });
});

test('addresses that are neither are refused as Twilio refuses them', async () => {
  await withTwilio({}, async ({ twin, client }) => {
    for (const to of [
      'whatsapp:us.1349',
      'whatsapp:US.',
      'whatsapp:US.a-b',
      `whatsapp:US.${'1'.repeat(129)}`,
      'whatsapp:whatsapp:+15551230001',
      'whatsapp:15551230001',
      userId,
      'whatsapp:USA.1',
    ]) {
      await expect(
        client.messages.create({ from: FROM, to, body: 'x' }),
        `to ${to}`,
      ).rejects.toMatchObject({ code: 21_211, status: 400 });
    }
    await expect(twin.chat.receive('us.1349', { text: 'x' })).rejects.toThrow(
      'is not a phone number',
    );
    await expect(withTwilio({ phones: ['nobody'] }, async () => undefined)).rejects.toThrow(
      'is not a phone number',
    );
  });
});

test('the phone page and npm run send take a user id as it is', () => {
  expect([isPhone('+15551230001'), isPhone(userId), isPhone('us.1'), isPhone('../x')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect([
    parseNumber(` ${userId} `),
    parseNumber('+1 (555) 123-0001'),
    parseNumber('US.'),
  ]).toEqual([userId, '+15551230001', undefined]);
  expect(formatNumber(userId)).toBe(userId);
});
