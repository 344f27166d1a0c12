import twilio from 'twilio';
import { expect, test } from 'vitest';
import { createJudgeParties, onlyValue } from '../../shared/twilio/parties.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { phone } from '../support/pipeline.ts';
import { messageForm, newSid, statusForm, withRelay } from '../support/relay-bench.ts';

const [account, ours] = [`AC${'1'.repeat(32)}`, '+15550100000'];
const [wrongAccount, wrongNumber, wrongChannel] = [
  'account',
  'our number',
  'channel of the other side',
] as const;

test('the parties of a message are judged to the letter: account, our number in its channel, the channel of the other side', () => {
  const judge = createJudgeParties(account, ours);
  const right = { account, ours: `whatsapp:${ours}`, theirs: `whatsapp:${phone}` };
  expect(judge(right)).toEqual({ person: phone });
  expect(judge({ ...right, theirs: 'whatsapp:US.1349' })).toEqual({ person: 'US.1349' });
  for (const other of [
    undefined,
    '',
    'AC',
    `AC${'2'.repeat(32)}`,
    `ac${'1'.repeat(32)}`,
    ` ${account}`,
    `${account} `,
    `${account}\u0000`,
  ])
    expect(judge({ ...right, account: other })).toEqual({ foreign: wrongAccount });
  for (const other of [
    undefined,
    '',
    ours,
    `WhatsApp:${ours}`,
    `whatsapp: ${ours}`,
    `whatsapp:${ours} `,
    `whatsapp:${ours}0`,
    `whatsapp:${ours.slice(0, -1)}`,
    'whatsapp:+15550100001',
    `messenger:${ours}`,
    'whatsapp:US.15550100000',
    `whatsapp:whatsapp:${ours}`,
  ]) {
    expect(judge({ ...right, ours: other }), `of ${other}`).toEqual({ foreign: wrongNumber });
  }
  for (const other of [
    undefined,
    '',
    phone,
    `sms:${phone}`,
    `WhatsApp:${phone}`,
    ` whatsapp:${phone}`,
    `messenger:${phone}`,
    `rcs:${phone}`,
    'US.1349',
    'client:anna',
    'ｗhatsapp:+15551230001',
    `whatsapp${phone}`,
  ]) {
    expect(judge({ ...right, theirs: other }), `of ${other}`).toEqual({ foreign: wrongChannel });
  }
  // WhatsApp's own, and still nobody: not for us to guess who.
  for (const nobody of [
    'whatsapp:',
    'whatsapp:nobody',
    `whatsapp:whatsapp:${phone}`,
    `whatsapp: ${phone.slice(1)}`,
    'whatsapp:+１５５５１２３０００１',
    'whatsapp:us.1349',
  ])
    expect(judge({ ...right, theirs: nobody }), `of ${nobody}`).toEqual({ person: undefined });
  // Of several wrong things the first is named.
  expect(judge({ account: '', ours: '', theirs: '' })).toEqual({ foreign: wrongAccount });
  expect(judge({ account, ours: '', theirs: '' })).toEqual({ foreign: wrongNumber });
});

test('a parameter that comes twice in different words has no value', () => {
  expect(
    ['a=1', 'a=1&a=1', 'a=1&a=2', 'a=1&b=2&a=', 'b=1'].map((form) =>
      onlyValue(new URLSearchParams(form), 'a'),
    ),
  ).toEqual(['1', '1', undefined, undefined, undefined]);
});

test('our own number counts in both spellings, where WhatsApp has two', () => {
  const judge = createJudgeParties(account, '+5511987654321');
  expect(judge({ account, ours: 'whatsapp:+551187654321', theirs: `whatsapp:${phone}` })).toEqual({
    person: phone,
  });
  expect(judge({ account, ours: 'whatsapp:+5521987654321', theirs: `whatsapp:${phone}` })).toEqual({
    foreign: wrongNumber,
  });
});

const empty = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

type Case = { form: [name: string, value: string][]; status?: number; foreign?: string };

/**
 * A form with some parameters in place of its own; undefined takes one out, several values give it
 * as often.
 */
function changed(
  base: Record<string, string>,
  change: Record<string, string | string[] | undefined>,
): [string, string][] {
  const kept = Object.entries(base).filter(([name]) => !(name in change));
  return [
    ...kept,
    ...Object.entries(change).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, one]),
    ),
  ];
}

test('what is signed and not for us is 200 with nothing stored, shown or woken, and one line says which of the three was wrong', async () => {
  await withRelay(
    {},
    async ({ environment, redis, relayUrl, logged, twin, startWorker, replies }) => {
      const send = async (
        path: string,
        form: [string, string][],
      ): Promise<{ status: number; text: string }> => {
        const repeated: Record<string, string[]> = {};
        for (const [name] of form)
          repeated[name] = form.filter(([other]) => other === name).map(([, value]) => value);
        // Twilio's library signs each value of a name once, sorted.
        const signature = twilio.getExpectedTwilioSignature(
          environment['TWILIO_AUTH_TOKEN'] ?? '',
          `${environment['PUBLIC_URL']}${path}`,
          repeated,
        );
        const headers = {
          'Content-Type': 'application/x-www-form-urlencoded',
          'X-Twilio-Signature': signature,
        };
        const response = await fetch(relayUrl + path, {
          method: 'POST',
          headers,
          body: new URLSearchParams(form).toString(),
        });
        return { status: response.status, text: await response.text() };
      };
      const of = (change: Record<string, string | string[] | undefined>): [string, string][] =>
        changed(messageForm(), change);
      const cases: Case[] = [
        { form: of({ From: phone }), foreign: wrongChannel },
        { form: of({ From: phone, To: ours }), foreign: wrongNumber },
        { form: of({ To: 'whatsapp:+15550100009' }), foreign: wrongNumber },
        { form: of({ To: ours }), foreign: wrongNumber },
        { form: of({ To: undefined }), foreign: wrongNumber },
        {
          form: of({ To: ['whatsapp:+15550100000', 'whatsapp:+15550100009'] }),
          foreign: wrongNumber,
        },
        { form: of({ AccountSid: `AC${'2'.repeat(32)}` }), foreign: wrongAccount },
        { form: of({ AccountSid: undefined }), foreign: wrongAccount },
        { form: of({ AccountSid: '' }), foreign: wrongAccount },
        { form: of({ AccountSid: [account, `AC${'2'.repeat(32)}`] }), foreign: wrongAccount },
        {
          form: of({ From: [`whatsapp:${phone}`, 'whatsapp:+15551230002'] }),
          foreign: wrongChannel,
        },
        { form: of({ From: [phone, `whatsapp:${phone}`] }), foreign: wrongChannel },
        { form: of({ From: `WhatsApp:${phone}` }), foreign: wrongChannel },
        { form: of({ From: ` whatsapp:${phone}` }), foreign: wrongChannel },
        { form: of({ From: `messenger:${phone}` }), foreign: wrongChannel },
        {
          form: of({ From: `rcs:${phone}`, WaId: phone.slice(1), ExternalUserId: 'whatsapp:US.1' }),
          foreign: wrongChannel,
        },
        // An SMS to a Messaging Service that has both channels.
        {
          form: of({ From: phone, To: ours, MessagingServiceSid: `MG${'1'.repeat(32)}` }),
          foreign: wrongNumber,
        },
        { form: of({ From: undefined }), status: 400 },
        { form: of({ From: '' }), status: 400 },
        { form: of({ From: `whatsapp:whatsapp:${phone}` }), status: 400 },
        { form: of({ From: `whatsapp: ${phone.slice(1)}` }), status: 400 },
        { form: of({ From: 'whatsapp:+１５５５１２３０００１' }), status: 400 },
        { form: of({ From: phone, MessageSid: undefined }), status: 400 },
        { form: of({ MessageSid: [newSid(), newSid()] }), status: 400 },
      ];
      await startWorker();
      const before = (await redis.keys('*message*')).concat(
        await redis.keys('*inbox*'),
        await redis.keys('*aliases*'),
      );
      for (const { form, status = 200, foreign } of cases) {
        const lines = logged().length;
        const { status: answered, text } = await send('/webhook', form);
        expect([answered, text], `to ${JSON.stringify(form)}`).toEqual([
          status,
          status === 200 ? empty : '',
        ]);
        const said = logged()
          .slice(lines)
          .filter((line) => line['level'] === 'warn');
        expect(said, `of ${JSON.stringify(form)}`).toHaveLength(1);
        expect(said[0]).toMatchObject(
          foreign === undefined
            ? { status, msg: 'refused' }
            : { foreign, msg: `a webhook that is not for us: wrong ${foreign}` },
        );
        expect(JSON.stringify(said)).not.toContain(phone.slice(2));
      }
      expect(
        (await redis.keys('*message*')).concat(
          await redis.keys('*inbox*'),
          await redis.keys('*aliases*'),
        ),
      ).toEqual(before);
      expect([twin.memory.typing, replies()]).toEqual([[], []]);
      // The same values twice are one value, and a Messaging Service is fine.
      expect(
        await send(
          '/webhook',
          of({
            From: [`whatsapp:${phone}`, `whatsapp:${phone}`],
            AccountSid: [account, account],
            MessagingServiceSid: `MG${'1'.repeat(32)}`,
          }),
        ),
      ).toMatchObject({ status: 200 });
      expect(
        (await redis.exists(keys.conversation(phone))) +
          (await redis.keys(keys.message('*'))).length,
      ).toBeGreaterThan(0);
    },
  );
});

test('a status callback that is not of our account, number and channel changes nothing in the ledger', async () => {
  await withRelay({}, async ({ post, redis, logged }) => {
    const [reply, sid] = ['turn:1', newSid()];
    await redis.hset(keys.reply(reply), {
      id: reply,
      conversation: phone,
      turn: 't',
      text: 'x',
      at: new Date().toISOString(),
      status: 'queued',
      sid,
      attempts: '1',
    });
    await redis.set(keys.sent(sid), reply);
    const before = await redis.hgetall(keys.reply(reply));
    const where = `/webhook/status?${new URLSearchParams({ reply, conversation: phone, turn: 't' }).toString()}`;
    const forged: [Record<string, string>, string][] = [
      [{ AccountSid: `AC${'2'.repeat(32)}` }, wrongAccount],
      [{ AccountSid: '' }, wrongAccount],
      [{ From: 'whatsapp:+15550100009' }, wrongNumber],
      [{ From: ours }, wrongNumber],
      [{ From: '' }, wrongNumber],
      [{ From: `whatsapp:${phone}`, To: `whatsapp:${ours}` }, wrongNumber],
      [{ To: phone }, wrongChannel],
      [{ To: '' }, wrongChannel],
      [{ To: `messenger:${phone}` }, wrongChannel],
    ];
    for (const [change, foreign] of forged) {
      for (const MessageStatus of ['read', 'failed'] as const) {
        const lines = logged().length;
        expect(
          (
            await post(
              where,
              statusForm({ MessageSid: sid, MessageStatus, ErrorCode: '63016', ...change }),
            )
          ).status,
        ).toBe(200);
        expect(logged().slice(lines)).toEqual([
          expect.objectContaining({ path: '/webhook/status', foreign }),
        ]);
      }
    }
    expect(await redis.hgetall(keys.reply(reply))).toEqual(before);
    expect(await redis.exists(keys.parked(phone), keys.outbox(phone), keys.failures)).toBe(0);
    // To a user id, in our channel, it counts.
    expect(
      (
        await post(
          where,
          statusForm({
            MessageSid: sid,
            MessageStatus: 'read',
            To: 'whatsapp:US.13491208655302741918',
          }),
        )
      ).status,
    ).toBe(200);
    expect(await redis.hget(keys.reply(reply), 'status')).toBe('read');
  });
});
