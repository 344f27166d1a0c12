import { expect, test } from 'vitest';
import { BadRequest } from '../../shared/twilio/bad-request.ts';
import { parseMessage, parseStatus } from '../../shared/twilio/webhook.ts';
import { Message } from '../../shared/store/message.ts';
import { createRandom } from '../support/random.ts';
import { messageForm, readSamples } from '../support/relay-bench.ts';

const now = new Date('2026-01-02T03:04:05.678Z');
const query = new URLSearchParams({ reply: 'turn:1', conversation: '+15551230001' });
const inbound = (name: string): URLSearchParams => sample('twilio-inbound-samples.json', name);
const callback = (name: string): URLSearchParams =>
  sample('twilio-status-callback-samples.json', name);

function sample(file: string, name: string): URLSearchParams {
  const found = readSamples(file).find((entry) => entry.name === name);
  if (!found) throw new Error(`no sample ${name}`);
  return new URLSearchParams(found.params);
}

/** The status that the parser refuses with; undefined when it does not. */
function refusal(parse: () => unknown): number | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof BadRequest) return error.status;
    throw error;
  }
}

const common = {
  conversation: '+15551230001',
  at: '2026-01-02T03:04:05.678Z',
  media: [],
  human: true,
};

test('a text becomes a message', () => {
  expect(parseMessage(inbound('text'), now)).toEqual({
    ...common,
    id: `SM${'1'.repeat(32)}`,
    text: 'This is the third message',
    profileName: 'Test User',
  });
});

test('a tapped button becomes a choice that quotes the question', () => {
  expect(parseMessage(inbound('quick reply button tap'), now)).toEqual({
    ...common,
    id: `SM${'2'.repeat(32)}`,
    text: 'Approve',
    choice: { id: 'approve:job-1', title: 'Approve' },
    quoted: `MM${'3'.repeat(32)}`,
    profileName: 'Test User',
  });
});

test('a chosen list item becomes a choice', () => {
  const form = new URLSearchParams(
    messageForm({ ListId: 'item-2', ListTitle: 'Second', Body: 'Second' }),
  );
  expect(parseMessage(form, now).choice).toEqual({ id: 'item-2', title: 'Second' });
});

test('a place becomes a location with numbers', () => {
  expect(parseMessage(inbound('location'), now)).toEqual({
    ...common,
    id: `SM${'4'.repeat(32)}`,
    text: '',
    location: {
      latitude: 37.7879277,
      longitude: -122.3937508,
      label: 'Twilio Inc',
      address: '375 Beale St, San Francisco, CA 94105',
    },
  });
});

test('a place that is not on the earth is none, and an empty parameter hides no tap', () => {
  const placeIn = (Latitude: string, Longitude: string): Message['location'] =>
    parseMessage(new URLSearchParams(messageForm({ Latitude, Longitude })), now).location;
  for (const [latitude, longitude] of [
    ['91', '0'],
    ['-90.0001', '0'],
    ['0', '180.5'],
    ['NaN', '1'],
    ['Infinity', '1'],
    ['1e400', '1'],
    [' ', '1'],
    ['0x10', '1'],
    ['1,5', '2'],
    ['', ''],
  ] as const)
    expect([latitude, longitude, placeIn(latitude, longitude)]).toEqual([
      latitude,
      longitude,
      undefined,
    ]);
  expect(placeIn('-90', '+180.0')).toEqual({ latitude: -90, longitude: 180 });
  expect(placeIn('0', '-1.2E-5')).toEqual({ latitude: 0, longitude: -0.000012 });
  const tap = { ButtonPayload: '', ButtonText: '', ListId: 'item-2', ListTitle: 'Second' };
  expect(parseMessage(new URLSearchParams(messageForm(tap)), now).choice).toEqual({
    id: 'item-2',
    title: 'Second',
  });
});

test('a picture and a voice note become media', () => {
  const media =
    'https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages';
  expect(parseMessage(inbound('image with caption'), now)).toMatchObject({
    text: 'fix this please',
    media: [{ type: 'image/jpeg', url: `${media}/MM${'5'.repeat(32)}/Media/ME${'6'.repeat(32)}` }],
  });
  expect(parseMessage(inbound('voice note'), now)).toMatchObject({
    text: '',
    media: [{ type: 'audio/ogg', url: `${media}/MM${'7'.repeat(32)}/Media/ME${'8'.repeat(32)}` }],
  });
});

test('a message without an id or a sender is refused with 400', () => {
  for (const change of [
    { MessageSid: '' },
    { MessageSid: 'SM1' },
    { MessageSid: `XX${'1'.repeat(32)}` },
    { From: '' },
    { From: 'whatsapp:' },
    { From: 'messenger:123' },
    { From: '+0123456789' },
  ]) {
    expect(
      refusal(() => parseMessage(new URLSearchParams(messageForm(change)), now)),
      `with ${JSON.stringify(change)}`,
    ).toBe(400);
  }
  expect(refusal(() => parseMessage(new URLSearchParams(), now))).toBe(400);
});

test('whatever else a form says, what becomes of it is a message that the inbox can read back', () => {
  const random = createRandom(3);
  const odd = [
    '',
    ' ',
    '-1',
    '0',
    '1',
    '3',
    '1e9',
    'NaN',
    'Infinity',
    '0x10',
    '91.5',
    'https://x.example/a',
    ' https://x.example/ ',
    'http:x',
    'data:,x',
    '//x',
    'not a url',
    '\u0000',
    '🎱',
    '\ud800',
    '{"id":1}',
  ] as const;
  const names = [
    'Body',
    'NumMedia',
    'MediaUrl0',
    'MediaUrl1',
    'MediaContentType0',
    'Latitude',
    'Longitude',
    'Label',
    'Address',
    'ButtonPayload',
    'ButtonText',
    'ListId',
    'ListTitle',
    'ProfileName',
    'OriginalRepliedMessageSid',
    'MessageType',
    'NewParameter',
  ] as const;
  for (let round = 0; round < 500; round += 1) {
    const form = new URLSearchParams(messageForm());
    for (let left = random.below(10); left > 0; left -= 1)
      form.set(random.pick(names), random.pick(odd));
    const message = parseMessage(form, now);
    const readBack = Message.safeParse(JSON.parse(JSON.stringify(message)));
    expect(readBack.error?.issues, `of ${form.toString()}`).toBeUndefined();
    expect(message.media.length).toBeLessThanOrEqual(10);
  }
});

test('each status callback becomes a report about the reply that its address names', () => {
  const sid = `SM${'a'.repeat(32)}`;
  for (const status of ['sent', 'delivered', 'read'] as const) {
    expect(parseStatus(callback(status), query)).toEqual({
      reply: 'turn:1',
      conversation: '+15551230001',
      sid,
      status,
      code: undefined,
    });
  }
  expect(parseStatus(callback('failed outside window'), query)).toEqual({
    reply: 'turn:1',
    conversation: '+15551230001',
    sid: `SM${'b'.repeat(32)}`,
    status: 'failed',
    code: 63016,
  });
});

test("every state of Twilio's has its meaning, and an unknown one none", () => {
  const meaning = (status: string): string | undefined => {
    const form = callback('sent');
    form.set('MessageStatus', status);
    return parseStatus(form, query)?.status;
  };
  const expected = {
    accepted: 'queued',
    scheduled: 'queued',
    queued: 'queued',
    sending: 'queued',
    sent: 'sent',
    delivered: 'delivered',
    read: 'read',
    failed: 'failed',
    undelivered: 'failed',
    canceled: 'failed',
    received: undefined,
    invented: undefined,
    constructor: undefined,
    toString: undefined,
  };
  for (const [status, wanted] of Object.entries(expected))
    expect(meaning(status), `of ${status}`).toBe(wanted);
});

test('a callback about nothing of ours is no report, and one without an id is refused with 400', () => {
  expect(parseStatus(callback('sent'), new URLSearchParams())).toBeUndefined();
  expect(
    parseStatus(
      callback('sent'),
      new URLSearchParams({ reply: 'x'.repeat(301), conversation: '+15551230001' }),
    ),
  ).toBeUndefined();
  expect(
    parseStatus(callback('sent'), new URLSearchParams({ reply: 'x', conversation: 'nobody' })),
  ).toBeUndefined();
  expect(refusal(() => parseStatus(new URLSearchParams({ MessageStatus: 'sent' }), query))).toBe(
    400,
  );
});
