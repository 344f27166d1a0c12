import { expect, test } from 'vitest';
import { FROM, PHONE, TO, refusalOf, withTwilio } from '../support/twilio-bench.ts';
import { until } from '../support/until.ts';

const question = {
  friendly_name: 'question',
  language: 'en',
  variables: { 1: 'Sure?' },
  types: {
    'twilio/quick-reply': {
      body: '{{1}}',
      actions: [
        { type: 'QUICK_REPLY', title: 'Yes, {{3}}', id: 'approve:{{2}}' },
        { type: 'QUICK_REPLY', title: 'No', id: 'cancel:{{2}}' },
      ],
    },
  },
};

const picker = {
  language: 'en',
  types: {
    'twilio/list-picker': {
      body: 'Which?',
      button: 'Choose',
      items: [{ id: 'a:{{1}}', item: 'First', description: 'the first' }],
    },
  },
};

test('contents are created, listed, fetched and deleted through the SDK', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    const { contents } = client.content.v1;
    const created = await contents.create(question as never);
    expect(created.sid).toMatch(/^HX[0-9a-f]{32}$/);
    expect(await client.content.v1.contents(created.sid).fetch()).toMatchObject({
      friendlyName: 'question',
      language: 'en',
    });
    expect((await contents.list()).map(({ sid }) => sid)).toEqual([created.sid]);
    expect(twin.contents()).toMatchObject([{ sid: created.sid, types: question.types }]);
    expect(await client.content.v1.contents(created.sid).remove()).toBe(true);
    await expect(client.content.v1.contents(created.sid).fetch()).rejects.toMatchObject({
      code: 20404,
    });
  });
});

test('a message with content is rendered, variables in body, titles and ids included', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    const { sid: contentSid } = await client.content.v1.contents.create(question as never);
    const variables = (extra: object) => JSON.stringify({ 2: 'job-7', 3: 'please', ...extra });
    const asked = await client.messages.create({
      from: FROM,
      to: TO,
      contentSid,
      contentVariables: variables({}),
    });
    expect(asked.body).toBe('Sure?');
    await until('delivery', () => twin.chat.message(asked.sid)?.status === 'delivered');
    expect(twin.chat.message(asked.sid)).toMatchObject({
      text: 'Sure?',
      buttons: [
        { id: 'approve:job-7', title: 'Yes, please' },
        { id: 'cancel:job-7', title: 'No' },
      ],
    });
    const missing = client.messages.create({
      from: FROM,
      to: TO,
      contentSid,
      contentVariables: '{"1":"x"}',
    });
    await expect(missing).rejects.toMatchObject({ code: 21656 });
    const contentVariables = variables({ 3: 'x'.repeat(30) });
    const long = await client.messages.create({ from: FROM, to: TO, contentSid, contentVariables });
    await until('failure', () => twin.chat.message(long.sid)?.errorCode === 63_021);
    const list = await client.content.v1.contents.create(picker as never);
    const { sid } = await client.messages.create({
      from: FROM,
      to: TO,
      contentSid: list.sid,
      contentVariables: '{"1":"9"}',
    });
    const shown = await until('the list', () => twin.chat.message(sid) ?? undefined);
    const items = [{ id: 'a:9', title: 'First', description: 'the first' }];
    expect(shown).toMatchObject({ text: 'Which?', buttons: [], list: { button: 'Choose', items } });
  });
});

test('values that Twilio does not take are refused, and equal buttons fail', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    const { sid: contentSid } = await client.content.v1.contents.create(question as never);
    const ask = (values: object) =>
      client.messages.create({
        from: FROM,
        to: TO,
        contentSid,
        contentVariables: JSON.stringify({ 2: 'job-7', 3: 'x', ...values }),
      });
    for (const value of ['two\nlines', 'a\ttab', 'five     blanks', "it’s ’ but not '", ''])
      await expect(ask({ 1: value })).rejects.toMatchObject({ code: 21656 });
    await ask({ 1: 'four    blanks “and” a \u201d \\ {' });
    const alike = {
      'twilio/quick-reply': {
        body: 'x',
        actions: [
          { title: 'Same', id: 'a' },
          { title: 'Same', id: 'b' },
        ],
      },
    };
    const content = await client.content.v1.contents.create({
      language: 'en',
      types: alike,
    } as never);
    const { sid } = await client.messages.create({ from: FROM, to: TO, contentSid: content.sid });
    await until('failure', () => twin.chat.message(sid)?.errorCode === 63_021);
  });
});

test('outside the 24-hour window a text content arrives, and buttons and lists do not', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    const send = async (types: object): Promise<string> => {
      const { sid } = await client.content.v1.contents.create({
        language: 'en',
        variables: { 1: 'a', 2: 'b', 3: 'c' },
        types,
      } as never);
      return (await client.messages.create({ from: FROM, to: TO, contentSid: sid })).sid;
    };
    const text = await send({ 'twilio/text': { body: 'An answer is waiting.' } });
    const end = (sid: string) =>
      until(
        'the end',
        () =>
          /delivered|failed/.test(twin.chat.message(sid)?.status ?? '') &&
          (twin.chat.message(sid)?.errorCode ?? 'delivered'),
      );
    expect(await end(text)).toBe('delivered');
    for (const types of [question.types, picker.types])
      expect(await end(await send(types))).toBe(63_016);
  });
});

test('content that breaks a limit of WhatsApp is refused and names the field', async () => {
  await withTwilio({}, async ({ client }) => {
    const action = { type: 'QUICK_REPLY', title: 'Yes', id: 'yes' };
    const item = { id: 'a', item: 'First' };
    const broken: [string, object][] = [
      [
        'actions',
        { 'twilio/quick-reply': { body: 'x', actions: [action, action, action, action] } },
      ],
      [
        'title',
        { 'twilio/quick-reply': { body: 'x', actions: [{ ...action, title: 'x'.repeat(21) }] } },
      ],
      [
        'id',
        { 'twilio/quick-reply': { body: 'x', actions: [{ ...action, id: 'x'.repeat(201) }] } },
      ],
      ['body', { 'twilio/quick-reply': { body: 'x'.repeat(1025), actions: [action] } }],
      [
        'items',
        {
          'twilio/list-picker': {
            body: 'x',
            button: 'b',
            items: Array.from({ length: 11 }, () => item),
          },
        },
      ],
      [
        'item',
        {
          'twilio/list-picker': {
            body: 'x',
            button: 'b',
            items: [{ ...item, item: 'x'.repeat(25) }],
          },
        },
      ],
      ['button', { 'twilio/list-picker': { body: 'x', button: 'b'.repeat(21), items: [item] } }],
      ['types', {}],
      ['types', { 'twilio/unheard-of': { body: 'x' } }],
    ];
    for (const [field, types] of broken) {
      const refused = client.content.v1.contents.create({ language: 'en', types } as never);
      expect(await refusalOf(refused)).toMatchObject({
        status: 400,
        code: 20001,
        message: expect.stringContaining(field),
      });
    }
  });
});

test('typing marks the message and those before it as read and shows for 25 s; wrong ids are refused', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    const first = await twin.chat.receive(PHONE, { text: 'one' });
    const second = await twin.chat.receive(PHONE, { text: 'two' });
    const third = await twin.chat.receive(PHONE, { text: 'three' });
    let untilTime = 0;
    twin.chat.on((event) => {
      if (event.kind === 'typing' && event.until !== undefined) untilTime = Date.parse(event.until);
    });
    const { typingIndicator } = client.messaging.v2;
    expect(
      await typingIndicator.create({ channel: 'whatsapp', messageId: second.sid }),
    ).toMatchObject({ success: true });
    expect(untilTime - Date.now()).toBeGreaterThan(20_000);
    expect([first, second, third].map(({ sid }) => twin.chat.message(sid)?.status)).toEqual([
      'read',
      'read',
      'received',
    ]);
    const reply = await client.messages.create({ from: FROM, to: TO, body: 'x' });
    const wrong: [string, number][] = [
      ['SM1', 20001],
      [`SM${'9'.repeat(32)}`, 20404],
      [reply.sid, 20404],
    ];
    for (const [messageId, code] of wrong) {
      await expect(
        typingIndicator.create({ channel: 'whatsapp', messageId }),
      ).rejects.toMatchObject({ code });
    }
    const sms = typingIndicator.create({ channel: 'sms', messageId: first.sid } as never);
    await expect(sms).rejects.toMatchObject({ code: 20001 });
    expect(twin.memory.typing.map(({ status }) => status)).toEqual([200, 400, 404, 404, 400]);
  });
});

test('the account, its number and the sender can be read and set', async () => {
  await withTwilio({}, async ({ client, receiver, twin }) => {
    const account = await client.api.v2010.accounts(client.accountSid).fetch();
    expect(account).toMatchObject({ status: 'active', sid: client.accountSid });
    const [number] = await client.incomingPhoneNumbers.list({ phoneNumber: FROM.slice(9) });
    expect(number).toMatchObject({ phoneNumber: FROM.slice(9) });
    const updated = await client
      .incomingPhoneNumbers(number?.sid ?? '')
      .update({ smsUrl: 'https://example.com/sms' });
    expect(updated.smsUrl).toBe('https://example.com/sms');
    const [sender] = await client.messaging.v2.channelsSenders.list({ channel: 'whatsapp' });
    const point = (address: string) =>
      client.messaging.v2
        .channelsSenders(sender?.sid ?? '')
        .update({ webhook: { callback_url: address } } as object);
    expect(sender?.webhook).toMatchObject({ callbackUrl: `${receiver.url}/webhook` });
    await expect(point('nowhere')).rejects.toMatchObject({ code: 20001 });
    await point(`${receiver.url}/moved`);
    await twin.chat.receive(PHONE, { text: 'hello' });
    expect(receiver.received).toMatchObject([{ path: '/moved', valid: true }]);
    await expect(client.messaging.v2.channelsSenders('XE1').fetch()).rejects.toMatchObject({
      code: 20404,
    });
  });
});
