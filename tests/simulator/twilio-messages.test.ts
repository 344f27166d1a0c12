import { expect, test } from 'vitest';
import {
  ACCOUNT,
  FROM,
  PHONE,
  TO,
  TOKEN,
  connectClient,
  refusalOf,
  withTwilio,
} from '../support/twilio-bench.ts';
import { until } from '../support/until.ts';

const basic = `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString('base64')}`;

test('the SDK creates, fetches, redacts and deletes a message', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    const created = await client.messages.create({ from: FROM, to: TO, body: 'good *morning* 🌞' });
    expect(created).toMatchObject({ status: 'queued', direction: 'outbound-api', numMedia: '0' });
    expect(created).toMatchObject({ errorCode: null, dateSent: null });
    expect(created.sid).toMatch(/^SM[0-9a-f]{32}$/);
    expect(created.dateCreated).toBeInstanceOf(Date);
    await until('delivery', () => twin.chat.message(created.sid)?.status === 'delivered');
    const fetched = await client.messages(created.sid).fetch();
    expect(fetched).toMatchObject({
      sid: created.sid,
      status: 'delivered',
      body: 'good *morning* 🌞',
      from: FROM,
      to: TO,
    });
    expect(fetched.dateSent).toBeInstanceOf(Date);
    expect((await client.messages(created.sid).update({ body: '' })).body).toBe('');
    expect(await client.messages(created.sid).remove()).toBe(true);
    await expect(client.messages(created.sid).fetch()).rejects.toMatchObject({
      status: 404,
      code: 20404,
    });
  });
});

test('lists filter by To, From and DateSent, newest first, and page without shifting', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    const { sid: inbound } = await twin.chat.receive(PHONE, { text: 'one' });
    const sids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      sids.unshift(
        (await client.messages.create({ from: FROM, to: TO, body: `reply ${count}` })).sid,
      );
    }
    await until('sending', () => twin.messages().every(({ date_sent }) => date_sent !== null));
    const sent = await client.messages.list({ to: TO, from: FROM });
    expect(sent.map(({ sid }) => sid)).toEqual(sids);
    const since = new Date(Date.now() - 60_000);
    expect(
      (await client.messages.list({ to: FROM, dateSentAfter: since })).map(({ sid }) => sid),
    ).toEqual([inbound]);
    expect(await client.messages.list({ dateSentBefore: since })).toEqual([]);
    expect(await client.messages.list({ dateSent: new Date(0) })).toEqual([]);
    const first = await client.messages.page({ to: TO, pageSize: 2 });
    await client.messages.create({ from: FROM, to: TO, body: 'meanwhile' });
    const second = await first.nextPage();
    const third = await second?.nextPage();
    const paged = [first, second, third]
      .flatMap((page) => page?.instances ?? [])
      .map(({ sid }) => sid);
    expect(paged).toEqual(sids);
    expect(third?.nextPage()).toBeUndefined();
    const back = await third?.previousPage();
    expect(back?.instances.map(({ sid }) => sid)).toEqual(sids.slice(2, 4));
    expect(await client.messages.list({ to: TO, pageSize: 2, limit: 3 })).toHaveLength(3);
    await expect(client.messages.page({ pageSize: 5000 })).rejects.toMatchObject({
      status: 400,
      code: 20001,
    });
  });
});

const REFUSED: [string, Record<string, unknown>, number][] = [
  ['an invalid To', { to: 'whatsapp:12' }, 21211],
  ['an SMS number to WhatsApp', { to: '+15551230001' }, 21910],
  ['an unknown From', { from: 'whatsapp:+15550000000' }, 63007],
  ['no From', { from: '' }, 21603],
  ['an empty To', { to: '' }, 21604],
  [
    'an unknown Messaging Service',
    { from: undefined, messagingServiceSid: `MG${'1'.repeat(32)}` },
    21701,
  ],
  ['an empty body', { body: '' }, 21602],
  ['nothing to send', { body: undefined }, 21619],
  ['1601 characters', { body: 'x'.repeat(1601) }, 21617],
  ['a relative MediaUrl', { mediaUrl: ['/shot.png'] }, 21620],
  ['a MediaUrl of another scheme', { mediaUrl: ['file:///etc/passwd'] }, 21620],
  ['eleven MediaUrl', { mediaUrl: Array.from({ length: 11 }, () => 'http://x.test/a.png') }, 21623],
  ['an underscore in the StatusCallback host', { statusCallback: 'http://a_b.test/x' }, 21609],
  ['an unknown content', { body: undefined, contentSid: `HX${'1'.repeat(32)}` }, 21655],
  ['content variables that are not JSON', { contentVariables: '{' }, 21656],
  ['content variables that are not strings', { contentVariables: '{"1":2}' }, 21656],
  ['content together with a body', { contentSid: `HX${'1'.repeat(32)}` }, 20001],
  ['a validity of no time', { validityPeriod: 0 }, 20001],
];

test('each refusal has the code of Twilio and leaves no message', async () => {
  await withTwilio({}, async ({ client, twin }) => {
    for (const [what, change, code] of REFUSED) {
      const params = { from: FROM, to: TO, body: 'hello', ...change };
      const refusal = { what, ...(await refusalOf(client.messages.create(params))) };
      expect(refusal).toMatchObject({
        what,
        code,
        status: 400,
        moreInfo: `https://www.twilio.com/docs/errors/${code}`,
      });
    }
    expect(twin.messages()).toEqual([]);
    expect(twin.memory.attempts.map(({ code }) => code)).toEqual(REFUSED.map(([, , code]) => code));
    const longest = client.messages.create({ from: FROM, to: TO, body: 'x'.repeat(1600) });
    await expect(longest).resolves.toMatchObject({ status: 'queued' });
  });
});

test('access, addresses, methods and bodies are checked', async () => {
  await withTwilio({ apiKeys: { [`SK${'1'.repeat(32)}`]: 'key-secret' } }, async ({ twin }) => {
    const list = `${twin.url}/2010-04-01/Accounts/${ACCOUNT}/Messages.json`;
    await expect(connectClient(twin.url, 'wrong').messages.list()).rejects.toMatchObject({
      status: 401,
      code: 20003,
    });
    const json = { authorization: basic, 'content-type': 'application/json' };
    const long = new URLSearchParams({ Body: 'x'.repeat(70_000) });
    const expectations: [string, RequestInit, number, number][] = [
      [list, {}, 401, 20003],
      [list, { headers: { authorization: 'Basic %%%' } }, 401, 20003],
      [list, { headers: { authorization: basic }, method: 'PUT' }, 405, 20004],
      [
        `${twin.url}/2010-04-01/Accounts/AC1/Messages.json`,
        { headers: { authorization: basic } },
        404,
        20404,
      ],
      [`${twin.url}/nothing`, {}, 404, 20404],
      [
        `${twin.url}/2010-04-01/Accounts/${ACCOUNT}/Messages/%E0%A4%A.json`,
        { headers: { authorization: basic } },
        400,
        20001,
      ],
      [list, { headers: json, method: 'POST', body: '{"To":1' }, 400, 21604],
      [list, { headers: { authorization: basic }, method: 'POST', body: long }, 413, 20001],
      [`${twin.url}/v1/Content`, { headers: json, method: 'POST', body: '{' }, 400, 20001],
      [`${list}?DateSent=yesterday`, { headers: { authorization: basic } }, 400, 20001],
      [`${list}?PageToken=PA1`, { headers: { authorization: basic } }, 400, 20001],
    ];
    for (const [url, init, status, code] of expectations) {
      const response = await fetch(url, init);
      expect({ url, status: response.status, body: await response.json() }).toEqual({
        url,
        status,
        body: {
          code,
          status,
          message: expect.any(String),
          more_info: `https://www.twilio.com/docs/errors/${code}`,
        },
      });
    }
    const keyed = await fetch(list, {
      headers: { authorization: `Basic ${btoa(`SK${'1'.repeat(32)}:key-secret`)}` },
    });
    expect(keyed.status).toBe(200);
  });
});

test('stopping twice is fine, a taken port is named, and bad options are refused', async () => {
  await withTwilio({}, async ({ twin }) => {
    const port = Number(new URL(twin.url).port);
    await expect(withTwilio({ port }, async () => undefined)).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}`,
    );
    await twin.stop();
    await twin.stop();
  });
  await expect(withTwilio({ number: '415' }, async () => undefined)).rejects.toThrow('E.164');
  await expect(
    withTwilio({ webhookUrl: 'http://127.0.0.1/webhook#rc=9' }, async () => undefined),
  ).rejects.toThrow('#rc must be');
});
