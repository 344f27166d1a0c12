import { expect, test } from 'vitest';
import type { ChatEvent } from '../../simulator/chat.ts';
import { ACCOUNT, FROM, PHONE, TO, withTwilio } from '../support/twilio-bench.ts';
import { until } from '../support/until.ts';

test('states come as signed callbacks with every captured parameter, read only after the phone is opened', async () => {
  await withTwilio({}, async ({ client, twin, receiver }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    receiver.received.length = 0;
    const statusCallback = `${receiver.url}/webhook/status?job=7&part=a%20b`;
    const { sid } = await client.messages.create({
      from: FROM,
      to: TO,
      body: 'hi',
      statusCallback,
    });
    await until('delivered', () => receiver.received.length === 2);
    twin.chat.markRead(PHONE);
    twin.chat.markRead(PHONE);
    await until('read', () => twin.memory.callbacks.length === 3);
    const same = {
      SmsSid: sid,
      MessageSid: sid,
      AccountSid: ACCOUNT,
      ApiVersion: '2010-04-01',
      ChannelPrefix: 'whatsapp',
      From: FROM,
      To: TO,
    };
    const masked = '+1555123XXXX';
    const state = (status: string) => ({ SmsStatus: status, MessageStatus: status });
    const install = expect.stringMatching(/^XE[0-9a-f]{32}$/);
    expect(receiver.received.map(({ params }) => params)).toEqual([
      {
        ...same,
        ...state('sent'),
        ChannelToAddress: masked,
        StructuredMessage: 'false',
        ChannelInstallSid: install,
      },
      {
        ...same,
        ...state('delivered'),
        EventType: 'DELIVERED',
        ChannelToAddress: PHONE,
        ChannelInstallSid: install,
      },
      { ...same, ...state('read'), EventType: 'READ', ChannelToAddress: masked },
    ]);
    for (const request of receiver.received) {
      expect(request).toMatchObject({
        method: 'POST',
        path: '/webhook/status?job=7&part=a%20b',
        valid: true,
      });
      expect(request.headers['user-agent']).toBe('TwilioProxy/1.1');
    }
  });
});

test('a message without a StatusCallback reports to the status address of the sender, or to nobody', async () => {
  await withTwilio({}, async ({ client, twin, receiver }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    await client.messages.create({ from: FROM, to: TO, body: 'hi' });
    await until(
      'delivered',
      () => receiver.received.filter(({ path }) => path === '/webhook/status').length === 2,
    );
    const [sender] = await client.messaging.v2.channelsSenders.list({ channel: 'whatsapp' });
    expect(sender).toMatchObject({ senderId: FROM, status: 'ONLINE' });
    await client.messaging.v2
      .channelsSenders(sender?.sid ?? '')
      .update({ webhook: { status_callback_url: '' } } as object);
    const { sid } = await client.messages.create({ from: FROM, to: TO, body: 'hi again' });
    await until('delivered', () => twin.chat.message(sid)?.status === 'delivered');
    expect(twin.memory.callbacks).toHaveLength(2);
  });
});

test('a callback that is refused is tried again as its fragment says, and then recorded', async () => {
  await withTwilio({}, async ({ client, twin, receiver }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    receiver.answer = ({ params }, res) =>
      params['MessageStatus'] === 'sent' && Boolean(res.writeHead(500).end());
    const statusCallback = `${receiver.url}/status?n=1#rc=2&rp=5xx`;
    const { sid } = await client.messages.create({
      from: FROM,
      to: TO,
      body: 'hi',
      statusCallback,
    });
    await until('the alert', () => twin.memory.alerts.length === 1);
    expect(twin.memory.alerts).toMatchObject([{ code: 11_200, sid, url: statusCallback }]);
    const sent = receiver.received.filter(({ params }) => params['MessageStatus'] === 'sent');
    expect(sent.map(({ path, valid }) => [path, valid])).toEqual(
      Array.from({ length: 3 }, () => ['/status?n=1', true]),
    );
  });
});

test('free text outside the 24-hour window ends failed with 63016; the next inbound opens it', async () => {
  await withTwilio({}, async ({ client, twin, receiver }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    twin.chat.closeWindow(PHONE);
    const late = await client.messages.create({ from: FROM, to: TO, body: 'are you there?' });
    expect(late.status).toBe('queued');
    const failed = await until('failure', () =>
      receiver.received.find(({ params }) => params['MessageStatus'] === 'failed'),
    );
    expect(failed.params).toMatchObject({ MessageSid: late.sid, ErrorCode: '63016' });
    expect(failed.params['ChannelStatusMessage']).toContain('outside the allowed window');
    const fetched = await client.messages(late.sid).fetch();
    expect(fetched).toMatchObject({
      status: 'failed',
      errorCode: 63016,
      errorMessage: expect.any(String),
    });
    await until('its answer', () => twin.memory.callbacks.length === 1);
    await twin.chat.receive(PHONE, { text: 'back' });
    const { sid } = await client.messages.create({ from: FROM, to: TO, body: 'welcome' });
    await until('delivery', () => twin.chat.message(sid)?.status === 'delivered');
  });
});

test('in the sandbox only phones that joined take part', async () => {
  await withTwilio({ sandbox: true, phones: [PHONE] }, async ({ client, twin, receiver }) => {
    const stranger = '+15557654321';
    expect(await twin.chat.receive(stranger, { text: 'hello?' })).toMatchObject({ status: 0 });
    expect(receiver.received).toEqual([]);
    expect(twin.chat.messages(stranger).at(-1)?.text).toContain('not connected to a Sandbox');
    const { sid } = await client.messages.create({
      from: FROM,
      to: `whatsapp:${stranger}`,
      body: 'hi',
    });
    await until('failure', () => twin.chat.message(sid)?.errorCode === 63015);
    await twin.chat.receive(stranger, { text: 'join happy-otter' });
    expect(twin.chat.messages(stranger).at(-1)?.text).toContain('all set');
    expect(await twin.chat.receive(stranger, { text: 'hello' })).toMatchObject({ status: 200 });
    expect(await twin.chat.receive(PHONE, { text: 'hello' })).toMatchObject({ status: 200 });
    expect(twin.chat.phones()).toEqual([PHONE, stranger]);
  });
});

test('the phone is told of messages, states and typing in order', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    const events: ChatEvent[] = [];
    const off = twin.chat.on((event) => events.push(event));
    const { sid } = await twin.chat.receive(PHONE, { text: 'hello' });
    await client.messaging.v2.typingIndicator.create({ channel: 'whatsapp', messageId: sid });
    const reply = await client.messages.create({ from: FROM, to: TO, body: 'hi' });
    await until('delivery', () => twin.chat.message(reply.sid)?.status === 'delivered');
    off();
    twin.chat.markRead(PHONE);
    await until('read', () => twin.chat.message(reply.sid)?.status === 'read');
    expect(events).toEqual([
      {
        kind: 'message',
        message: expect.objectContaining({
          sid,
          direction: 'inbound',
          text: 'hello',
          status: 'received',
        }),
      },
      { kind: 'status', sid, phone: PHONE, status: 'read', errorCode: undefined },
      { kind: 'typing', phone: PHONE, until: expect.stringMatching(/Z$/) },
      { kind: 'typing', phone: PHONE, until: undefined },
      {
        kind: 'message',
        message: expect.objectContaining({
          sid: reply.sid,
          direction: 'outbound',
          status: 'queued',
        }),
      },
      { kind: 'status', sid: reply.sid, phone: PHONE, status: 'sent', errorCode: undefined },
      { kind: 'status', sid: reply.sid, phone: PHONE, status: 'delivered', errorCode: undefined },
    ]);
    expect(twin.chat.messages(PHONE).map(({ text }) => text)).toEqual(['hello', 'hi']);
    expect(twin.chat.messages('+19990000000')).toEqual([]);
    expect(twin.chat.message('SM0')).toBeUndefined();
  });
});
