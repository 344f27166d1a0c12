import { describe, expect, test } from 'vitest';
import type { Choices } from '../../shared/store/choices.ts';
import { numberedText } from '../../shared/store/choices.ts';
import { defineContent } from '../../shared/twilio/content.ts';
import { createContentSender } from '../../shared/twilio/content-sender.ts';
import { createMemoryContents } from '../../shared/twilio/content-cache.ts';
import type { Contents } from '../../shared/twilio/content-cache.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Messenger, Outgoing } from '../../shared/delivery/messenger.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import type { CreateAttempt } from '../../simulator/twilio/memory.ts';
import type { Twin } from '../../simulator/twilio/twin.ts';
import { scaled } from '../support/machine-speed.ts';
import {
  ACCOUNT,
  NUMBER,
  PHONE,
  TOKEN,
  connectClient,
  withTwilio,
} from '../support/twilio-bench.ts';
import { until } from '../support/until.ts';

const choices: Choices = {
  kind: 'buttons',
  items: [
    { id: 'turn.ask.1', title: 'Allow' },
    { id: 'turn.ask.2', title: 'Deny' },
  ],
};
const models: Choices = {
  kind: 'list',
  button: 'Models',
  items: ['Opus', 'Sonnet', 'Haiku', 'Another'].map((title, index) => ({
    id: `m.${index}`,
    title,
    description: `number ${index}`,
  })),
};
const question = "Claude wants to run\n```\nls -l\n```\n\nIt's in\tthe tests.";

type Bench = {
  twin: Twin;
  messenger: Messenger;
  contents: Contents;
  another: () => Messenger;
  ask: (change?: Partial<Outgoing>) => Promise<string>;
};

/** A messenger at a twin whose phone has written a moment ago. */
async function withMessenger(
  run: (bench: Bench) => Promise<void>,
  patienceMs = 5000,
): Promise<void> {
  await withTwilio({}, async ({ twin, receiver }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    const contents = createMemoryContents();
    const another = (): Messenger =>
      createTwilioMessenger(
        { accountSid: ACCOUNT, authToken: TOKEN, number: NUMBER, apiUrl: twin.url },
        createLog('test', 'silent'),
        patienceMs,
        contents,
      );
    const messenger = another();
    const ask = async (change: Partial<Outgoing> = {}): Promise<string> =>
      (await messenger.send(outgoing(receiver.url, change))).sid;
    await run({ twin, messenger, contents, another, ask });
  });
}

const outgoing = (url: string, change: Partial<Outgoing> = {}): Outgoing => ({
  to: PHONE,
  text: question,
  choices,
  statusCallback: `${url}/webhook/status`,
  ...change,
});
const shown = (twin: Twin, sid: string) =>
  until('the message', () => twin.chat.message(sid) ?? undefined);
const posts = (twin: Twin): CreateAttempt[] => twin.memory.attempts;
const forms = (twin: Twin): string[] =>
  posts(twin).map(
    ({ params, outcome }) => `${params['ContentSid'] ? 'content' : 'text'} ${outcome}`,
  );

describe('something to tap', () => {
  test('buttons arrive with the text as it is, and a tap comes back with the id', async () => {
    await withTwilio({}, async ({ twin, receiver }) => {
      await twin.chat.receive(PHONE, { text: 'hello' });
      const messenger = createTwilioMessenger(
        { accountSid: ACCOUNT, authToken: TOKEN, number: NUMBER, apiUrl: twin.url },
        createLog('test', 'silent'),
      );
      const { sid } = await messenger.send(outgoing(receiver.url));
      expect(await shown(twin, sid)).toMatchObject({
        text: question,
        buttons: choices.items,
        list: undefined,
      });
      await twin.chat.receive(PHONE, {
        quoted: sid,
        choice: { ...choices.items[1], id: 'turn.ask.2', title: 'Deny', kind: 'button' },
      });
      expect(receiver.received.at(-1)?.params).toMatchObject({
        ButtonPayload: 'turn.ask.2',
        ButtonText: 'Deny',
        Body: 'Deny',
        OriginalRepliedMessageSid: sid,
      });
      const list = await messenger.send(outgoing(receiver.url, { choices: models }));
      expect(await shown(twin, list.sid)).toMatchObject({
        text: question,
        buttons: [],
        list: { button: 'Models', items: models.items },
      });
      await twin.chat.receive(PHONE, {
        quoted: list.sid,
        choice: { id: 'm.3', title: 'Another', kind: 'list' },
      });
      expect(receiver.received.at(-1)?.params).toMatchObject({
        ListId: 'm.3',
        ListTitle: 'Another',
      });
    });
  });

  test('a content is made once for all questions of its shape, whoever asks them', async () => {
    await withMessenger(async ({ twin, another, ask }) => {
      await ask({ text: 'Shall I run\n`npm test`?' });
      await ask({ text: 'Shall I run\n`git push`?' });
      await another().send(
        outgoing(twin.url, {
          text: 'May I do\nsomething else?',
          choices: {
            kind: 'buttons',
            items: [
              { id: 'x.1', title: 'Yes' },
              { id: 'x.2', title: 'No, stop' },
            ],
          },
        }),
      );
      expect(twin.contents()).toHaveLength(1);
      expect(twin.contents()[0]?.friendly_name).toMatch(/^sidepocket_[0-9a-f]{32}$/);
      expect(forms(twin)).toEqual(['content accepted', 'content accepted', 'content accepted']);
      expect(new Set(posts(twin).map(({ params }) => params['ContentSid'])).size).toBe(1);
    });
  });

  test('a content that Twilio has lost is made anew once', async () => {
    await withMessenger(async ({ twin, ask }) => {
      await ask();
      await connectClient(twin.url)
        .content.v1.contents(twin.contents()[0]?.sid ?? '')
        .remove();
      const sid = await ask();
      expect((await shown(twin, sid)).buttons).toEqual(choices.items);
      expect(forms(twin)).toEqual(['content accepted', 'content refused', 'content accepted']);
      await ask();
      expect(forms(twin).at(-1)).toBe('content accepted');
      expect(twin.contents()).toHaveLength(1);
    });
  });
});

describe('the same question as text with numbers', () => {
  const written = numberedText(question, choices);

  test('on an account that cannot make contents, which is not asked again', async () => {
    await withMessenger(async ({ twin, contents, ask }) => {
      twin.faults.set('content-refused', { times: 1 });
      expect(await shown(twin, await ask())).toMatchObject({ text: written, buttons: [] });
      await ask({ choices: models });
      await ask();
      expect(forms(twin)).toEqual(['text accepted', 'text accepted', 'text accepted']);
      expect(twin.contents()).toEqual([]);
      expect(await contents.find('anything')).toBe('refused');
    }, scaled(1500));
  });

  test('when the message is refused with the content and taken without; only that shape is given up', async () => {
    await withMessenger(async ({ twin, ask }) => {
      twin.faults.set('content-unusable', { times: 1 });
      expect(await shown(twin, await ask())).toMatchObject({ text: written, buttons: [] });
      await ask();
      await ask({ choices: models });
      expect(forms(twin)).toEqual([
        'content refused',
        'text accepted',
        'text accepted',
        'content accepted',
      ]);
    });
  });

  test('a refusal that is not the content’s is told as it is', async () => {
    await withMessenger(async ({ twin, messenger, contents }) => {
      await expect(messenger.send(outgoing(twin.url, { to: '+12' }))).rejects.toMatchObject({
        name: 'SendFailure',
        code: 21_211,
      });
      expect(forms(twin)).toEqual(['content refused', 'text refused']);
      expect(await contents.find('anything')).toBeUndefined();
      twin.faults.set('create-429', { times: 1 });
      await expect(messenger.send(outgoing(twin.url))).rejects.toMatchObject({ action: 'later' });
      expect(forms(twin).slice(2)).toEqual(['content create-429']);
      await messenger.send(outgoing(twin.url));
      expect(forms(twin).slice(3)).toEqual(['content accepted']);
    });
  });

  test.each(['content-fails', 'content-hangs'] as const)(
    'after %s, at once, and not for long',
    async (fault) => {
      await withMessenger(async ({ twin, contents, ask }) => {
        twin.faults.set(fault, { times: 1 });
        expect(await shown(twin, await ask())).toMatchObject({ text: written, buttons: [] });
        expect(await contents.find('anything')).toBe('refused');
      });
    },
  );

  test('when it is too long to be tapped, stands beside a file, or is to be text', async () => {
    await withMessenger(async ({ twin, ask }) => {
      const long = 'word '.repeat(220);
      expect((await shown(twin, await ask({ text: long }))).text).toBe(numberedText(long, choices));
      expect((await shown(twin, await ask({ asText: true }))).text).toBe(written);
      await ask({ mediaUrl: `${twin.url}/nothing.png` });
      expect(posts(twin).at(-1)?.params).toMatchObject({
        Body: written,
        MediaUrl: `${twin.url}/nothing.png`,
      });
      expect(twin.contents()).toEqual([]);
    });
  });
});

test('forgetting a person deletes every unused content of ours that has words, of other people as well', async () => {
  await withMessenger(async ({ twin, messenger, contents, another }) => {
    const make = async (friendly_name: string, body: string, at = '2026-01-01T00:00:00Z') => {
      const types = { 'twilio/quick-reply': { body, actions: [{ title: '{{1}}', id: '{{2}}' }] } };
      const response = await fetch(`${twin.url}/v1/Content`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString('base64')}`,
        },
        body: JSON.stringify({ friendly_name, language: 'en', types }),
      });
      const { sid } = (await response.json()) as { sid: string };
      Object.assign(twin.contents().at(-1) ?? {}, { date_created: at });
      return sid;
    };
    const own = (digit: string): string => `sidepocket_${digit.repeat(32)}`;
    await make(own('a'), "It's left.");
    await make('another program', "It's theirs.");
    await make(own('b'), '{{1}}\n{{2}}');
    await make(own('c'), "It's new.", new Date().toISOString());
    await contents.keep('d'.repeat(32), await make(own('d'), "It's in use."));
    const left = (): string[] =>
      twin.contents().map(({ friendly_name }) => friendly_name?.slice(0, 12) ?? '');
    const others = ['another prog', 'sidepocket_b', 'sidepocket_c', 'sidepocket_d'];
    twin.faults.set('content-fails', { times: 1 });
    const failed = await messenger.eraseCopies?.(PHONE, new Date());
    expect(failed).toMatchObject({ left: 1, reason: expect.any(String) });
    expect(left()).toEqual(['sidepocket_a', ...others]);
    // Two people may be forgotten at once.
    const both = [messenger, another()].map((one) => one.eraseCopies?.(PHONE, new Date()));
    expect(await Promise.all(both)).toMatchObject([{ left: 0 }, { left: 0 }]);
    expect(left()).toEqual(others);
    twin.faults.set('content-refused', { times: 1 });
    expect(await messenger.eraseCopies?.(PHONE, new Date())).toMatchObject({ left: 0 });
  });
});

test('a content that takes too long holds nobody up, and serves later questions', async () => {
  const contents = createMemoryContents();
  const made = Promise.withResolvers<string>();
  const ask = createContentSender({
    contents,
    create: () => made.promise,
    log: createLog('test', 'silent'),
    patienceMs: 20,
  });
  const form = defineContent('AC1', 'May I?', choices);
  if (!form) throw new Error('not tappable');
  const send = async () =>
    (
      await ask(
        form,
        async (content) => ({ sid: `as ${content}` }),
        async () => ({ sid: 'as text' }),
      )
    ).sid;
  expect(await send()).toBe('as text');
  made.resolve('HX1');
  await made.promise;
  expect(await send()).toBe('as text');
  await contents.refuse('every', 0);
  expect(await send()).toBe('as HX1');
});

describe('after an unclear end of the send', () => {
  test.each([
    'create-500-after',
    'create-reset-after',
    'create-garbled-after',
    'create-hang-after',
  ] as const)('%s: nothing more is sent, and the message is found', async (fault) => {
    await withMessenger(async ({ twin, messenger }) => {
      const since = new Date(Date.now() - 5000);
      twin.faults.set(fault, { times: 1 });
      await expect(messenger.send(outgoing(twin.url))).rejects.toMatchObject({
        action: 'reconcile',
      });
      expect(forms(twin)).toEqual([`content ${fault}`]);
      expect(await messenger.find(outgoing(twin.url), since)).toEqual([
        { sid: posts(twin)[0]?.sid },
      ]);
    }, scaled(1500));
  });

  test('one that has failed since is found last: another may have been sent for it', async () => {
    await withMessenger(async ({ twin, messenger, ask }) => {
      const since = new Date(Date.now() - 5000);
      twin.faults.set('late-failure', { times: 1, code: 63_019 });
      const failed = await ask();
      await until(
        'its failure',
        () =>
          ['failed', 'undelivered'].includes(twin.chat.message(failed)?.status ?? '') || undefined,
      );
      const again = await ask();
      expect(await messenger.find(outgoing(twin.url), since)).toEqual([
        { sid: again },
        { sid: failed, refusal: { action: 'once-more', code: 63_019 } },
      ]);
    });
  });

  test('it is found as text with numbers, too, and a message with other words is not', async () => {
    await withMessenger(async ({ twin, messenger, ask }) => {
      const since = new Date(Date.now() - 5000);
      const asText = await ask({ asText: true });
      const tapped = await ask();
      await ask({ text: 'another question' });
      expect(await messenger.find(outgoing(twin.url), since)).toEqual([
        { sid: asText },
        { sid: tapped },
      ]);
    });
  });

  test('what Claude says by itself is found under another heading, unless the same one is there', async () => {
    await withMessenger(async ({ twin, messenger }) => {
      const since = new Date(Date.now() - 5000);
      const { choices: _choices, ...plain } = outgoing(twin.url);
      const say = (text: string): Promise<{ sid: string }> => messenger.send({ ...plain, text });
      const find = (text: string): ReturnType<typeof messenger.find> =>
        messenger.find({ ...plain, text }, since);
      const [one, both] = ['_About “one”:_\n\nDone.', '_About “one”, “two”:_\n\nDone.'];
      await say('Done: all.');
      const { sid: bare } = await say('Done.');
      expect(await find(one)).toEqual([{ sid: bare }]);
      const { sid: headed } = await say(both);
      expect(await find('Done.')).toEqual([{ sid: bare }]);
      expect(await find(both)).toEqual([{ sid: headed }]);
      expect(await find(one)).toEqual([{ sid: bare }, { sid: headed }]);
      expect(await find('_About “one”:_\n\nDone: nothing.')).toEqual([]);
    });
  });
});
