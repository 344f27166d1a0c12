import { expect, test } from 'vitest';
import { readWebhookAnswer } from '../../simulator/twilio/twiml.ts';
import { ACCOUNT, FROM, PHONE, TO, withTwilio } from '../support/twilio-bench.ts';
import { until } from '../support/until.ts';

const png = Buffer.from('89504e470d0a1a0a00', 'hex').toString('base64');
const ogg = Buffer.from('OggS voice').toString('base64');

test('a text arrives signed, with every parameter of a captured webhook', async () => {
  await withTwilio({}, async ({ twin, receiver }) => {
    const text = 'Grüße 👋 a+b & c=d  ';
    const { sid, status } = await twin.chat.receive(PHONE, { text });
    expect(status).toBe(200);
    expect(sid).toMatch(/^SM[0-9a-f]{32}$/);
    const [request] = receiver.received;
    expect(request).toMatchObject({ method: 'POST', path: '/webhook', valid: true });
    expect(request?.headers['user-agent']).toBe('TwilioProxy/1.1');
    expect(request?.headers['i-twilio-idempotency-token']).toMatch(/^[\w-]{36}$/);
    expect(request?.params).toEqual({
      SmsMessageSid: sid,
      SmsSid: sid,
      MessageSid: sid,
      NumMedia: '0',
      ProfileName: 'Phone 0001',
      MessageType: 'text',
      WaId: '15551230001',
      SmsStatus: 'received',
      Body: text,
      To: FROM,
      From: TO,
      NumSegments: '1',
      ReferralNumMedia: '0',
      AccountSid: ACCOUNT,
      ApiVersion: '2010-04-01',
      ExternalUserId: 'whatsapp:ID.1111115551230001',
      ChannelMetadata:
        '{"type":"whatsapp","data":{"context":{"ProfileName":"Phone 0001","WaId":"15551230001"}}}',
    });
  });
});

test('pictures, voice notes, files, places, quotes, taps and choices arrive as Twilio sends them', async () => {
  await withTwilio({}, async ({ twin, client, receiver }) => {
    const last = () => receiver.received.findLast(({ path }) => path === '/webhook')?.params;
    const media = { name: 'a.png', type: 'image/png', base64: png };
    const picture = await twin.chat.receive(PHONE, { text: 'fix this', media });
    expect(picture.sid).toMatch(/^MM/);
    expect(last()).toMatchObject({
      Body: 'fix this',
      NumMedia: '1',
      MessageType: 'image',
      MediaContentType0: 'image/png',
    });
    const resource = `${twin.url}/2010-04-01/Accounts/${ACCOUNT}/Messages/${picture.sid}/Media`;
    expect(last()?.['MediaUrl0']).toMatch(new RegExp(`^${resource}/ME[0-9a-f]{32}$`));
    await twin.chat.receive(PHONE, {
      media: { name: 'v.ogg', type: 'audio/ogg; codecs=opus', base64: ogg },
    });
    expect(last()).toMatchObject({
      Body: '',
      MessageType: 'audio',
      MediaContentType0: 'audio/ogg',
    });
    await twin.chat.receive(PHONE, {
      media: { name: 'a.pdf', type: 'application/pdf', base64: png },
    });
    expect(last()).toMatchObject({ MessageType: 'document' });
    const location = {
      latitude: 37.78,
      longitude: -122.39,
      label: 'Twilio Inc',
      address: '375 Beale St',
    };
    await twin.chat.receive(PHONE, { location });
    expect(last()).toMatchObject({
      Body: '',
      MessageType: 'location',
      Latitude: '37.78',
      Longitude: '-122.39',
    });
    expect(last()).toMatchObject({ Label: 'Twilio Inc', Address: '375 Beale St' });
    await twin.chat.receive(PHONE, { text: 'this one', quoted: picture.sid });
    expect(last()).toMatchObject({
      Body: 'this one',
      OriginalRepliedMessageSid: picture.sid,
      OriginalRepliedMessageSender: TO,
    });

    const buttons = {
      body: 'Go?',
      actions: [{ type: 'QUICK_REPLY', title: 'Approve', id: 'approve:1' }],
    };
    const list = {
      body: 'Which?',
      button: 'Choose',
      items: [{ id: 'a', item: 'First', description: 'the first' }],
    };
    const sids: string[] = [];
    for (const types of [{ 'twilio/quick-reply': buttons }, { 'twilio/list-picker': list }]) {
      const content = await client.content.v1.contents.create({ language: 'en', types } as never);
      const { sid } = await client.messages.create({ from: FROM, to: TO, contentSid: content.sid });
      await until('the question', () => twin.chat.message(sid) !== undefined);
      sids.push(sid);
    }
    const [asked = '', picker = ''] = sids;
    await twin.chat.receive(PHONE, {
      quoted: asked,
      choice: { kind: 'button', id: 'approve:1', title: 'Approve' },
    });
    expect(last()).toMatchObject({
      Body: 'Approve',
      ButtonText: 'Approve',
      ButtonPayload: 'approve:1',
      MessageType: 'interactive',
      OriginalRepliedMessageSid: asked,
      OriginalRepliedMessageSender: FROM,
      Forwarded: 'false',
      FrequentlyForwarded: 'false',
    });
    await twin.chat.receive(PHONE, {
      quoted: picker,
      choice: { kind: 'list', id: 'a', title: 'First' },
    });
    expect(last()).toMatchObject({
      Body: 'First',
      ListId: 'a',
      ListTitle: 'First',
      MessageType: 'interactive',
    });
    expect(last()).toMatchObject({
      OriginalRepliedMessageSid: picker,
      OriginalRepliedMessageSender: FROM,
    });
    expect(receiver.received.every(({ valid }) => valid)).toBe(true);
  });
});

test('what a phone cannot send is refused with a sentence', async () => {
  await withTwilio({}, async ({ twin, receiver }) => {
    const { receive } = twin.chat;
    await expect(receive('555', { text: 'x' })).rejects.toThrow('not a phone number');
    await expect(receive(PHONE, {})).rejects.toThrow('nothing to send');
    await expect(receive(PHONE, { text: 'x', quoted: 'SM1' })).rejects.toThrow('no message SM1');
    await expect(
      receive(PHONE, { media: { name: 'a', type: 'image/png', base64: '!' } }),
    ).rejects.toThrow('not base64');
    await expect(
      receive(PHONE, { media: { name: 'a', type: 'png', base64: png } }),
    ).rejects.toThrow('not a media type');
    await expect(receive(PHONE, { location: { latitude: 91, longitude: 0 } })).rejects.toThrow(
      'latitude',
    );
    const { sid } = await receive(PHONE, { text: 'plain' });
    const choice = { kind: 'button', id: 'x', title: 'X' } as const;
    await expect(receive(PHONE, { quoted: sid, choice })).rejects.toThrow('no choice "X"');
    expect(receiver.received).toHaveLength(1);
  });
});

test('retries follow the fragment, keep the token and the signature, and end in error 11200', async () => {
  await withTwilio(
    {},
    async ({ twin, receiver }) => {
      let failures = 2;
      receiver.answer = (_request, res) => {
        failures -= 1;
        if (failures < 0) return false;
        res.writeHead(503).end();
        return true;
      };
      expect(await twin.chat.receive(PHONE, { text: 'one' })).toMatchObject({ status: 200 });
      expect(twin.memory.webhooks.map(({ status, attempt }) => [status, attempt])).toEqual([
        [503, 1],
        [503, 2],
        [200, 3],
      ]);
      expect(
        new Set(receiver.received.map(({ headers }) => headers['i-twilio-idempotency-token'])).size,
      ).toBe(1);
      expect(receiver.received.every(({ valid }) => valid)).toBe(true);
      expect(twin.memory.alerts).toEqual([]);
      failures = 99;
      expect(await twin.chat.receive(PHONE, { text: 'two' })).toMatchObject({ status: 503 });
      expect(receiver.received).toHaveLength(3 + 4);
      expect(twin.memory.alerts).toMatchObject([{ code: 11_200 }]);
      receiver.answer = (_request, res) => Boolean(res.writeHead(403).end());
      expect(await twin.chat.receive(PHONE, { text: 'three' })).toMatchObject({ status: 403 });
      expect(receiver.received).toHaveLength(3 + 4 + 1);
    },
    '#rc=3&rp=5xx,ct,rt',
  );
});

test('without a fragment only a failed connection is tried again; silence ends in 11200, no listener in 11205', async () => {
  await withTwilio({}, async ({ twin, receiver }) => {
    receiver.answer = (_request, res) => Boolean(res.writeHead(500).end());
    await twin.chat.receive(PHONE, { text: 'one' });
    expect(twin.memory.webhooks).toHaveLength(1);
  });
  await withTwilio(
    {},
    async ({ twin, receiver }) => {
      receiver.answer = () => true;
      expect(await twin.chat.receive(PHONE, { text: 'slow' })).toMatchObject({ status: 0 });
      expect(twin.memory.webhooks).toHaveLength(2);
      expect(twin.memory.alerts).toMatchObject([{ code: 11_200 }]);
    },
    '#rt=100&rp=rt',
  );
  await withTwilio({ webhookUrl: 'http://127.0.0.1:9/webhook' }, async ({ twin }) => {
    expect(await twin.chat.receive(PHONE, { text: 'nobody' })).toMatchObject({ status: 0 });
    expect(twin.memory.webhooks.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(twin.memory.alerts).toMatchObject([{ code: 11_205 }]);
  });
});

test('a webhook that fails for good goes to the fallback with the error', async () => {
  await withTwilio({}, async ({ twin, client, receiver }) => {
    const [sender] = await client.messaging.v2.channelsSenders.list({ channel: 'whatsapp' });
    const webhook = {
      callback_url: `${receiver.url}/gone`,
      fallback_url: `${receiver.url}/fallback`,
    };
    await client.messaging.v2.channelsSenders(sender?.sid ?? '').update({ webhook } as object);
    receiver.answer = ({ path }, res) => path === '/gone' && Boolean(res.writeHead(404).end());
    expect(await twin.chat.receive(PHONE, { text: 'hello' })).toMatchObject({ status: 204 });
    const last = receiver.received.at(-1);
    expect(last).toMatchObject({ path: '/fallback', valid: true });
    expect(last?.params).toMatchObject({
      ErrorCode: '11200',
      ErrorUrl: `${receiver.url}/gone`,
      Body: 'hello',
    });
  });
});

test('TwiML and plain text become messages to the person', async () => {
  await withTwilio({}, async ({ twin, receiver }) => {
    receiver.answer = ({ path }, res) => {
      if (path !== '/webhook') return false;
      res.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
      return true;
    };
    await twin.chat.receive(PHONE, { text: 'hello' });
    const slip = await until('the slip', () => twin.chat.messages(PHONE)[1]);
    expect(slip).toMatchObject({ text: 'ok', direction: 'outbound' });
    expect(twin.messages()[1]).toMatchObject({ direction: 'outbound-reply' });
  });
  const read = (type: string, body: string, status = 200) =>
    readWebhookAnswer({ status, type, body, chunked: false, failure: undefined });
  const twiml =
    '<?xml version="1.0"?><Response><Message><Body>a &amp; b</Body></Message><Message>c</Message></Response>';
  expect(read('text/xml', twiml)).toEqual({ replies: ['a & b', 'c'], error: undefined });
  expect(read('text/xml', '<Response/>')).toEqual({ replies: [], error: undefined });
  expect(read('text/html', 'ok').error).toBe(12_100);
  expect(read('text/xml', '<Response>').error).toBe(12_100);
  expect(read('text/xml', '<Reply/>').error).toBe(12_102);
  expect(read('application/json', '{}').error).toBe(12_300);
  expect(read('application/json', '').error).toBe(11_200);
  expect(read('', '').error).toBeUndefined();
  expect(read('text/xml', 'x'.repeat(70_000)).error).toBe(11_750);
});
