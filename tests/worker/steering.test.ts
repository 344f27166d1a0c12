import { expect, test } from 'vitest';
import type { Message } from '../../shared/store/message.ts';
import type { Prompt } from '../../worker/agent/agent.ts';
import type { TurnDeps } from '../../worker/turn/deps.ts';
import type { Dispatch } from '../../worker/turn/dispatch.ts';
import { createMailbox } from '../../worker/turn/mailbox.ts';
import type { TurnEvent } from '../../worker/turn/mailbox.ts';
import { createSteering } from '../../worker/turn/steering.ts';
import type { TurnWork } from '../../worker/turn/steering.ts';

const conversation = '+15551230001';
const messageOf = (id: string): Message => ({
  id,
  conversation,
  at: '2026-11-29T10:00:00.000Z',
  text: id,
  media: [],
  human: true,
});

/** A turn whose inbox holds what `finds` says at each look, and whose events a test handles. */
function bench(finds: string[][] = [], isWanted = false) {
  const mailbox = createMailbox();
  const looks: { isClosed: boolean | undefined }[] = [];
  const dispatch = {
    quoted: () => undefined,
    snapshot: () => ({ givenUp: [] }),
    known: () => ({ undone: 'One.\nTwo.' }),
    waiting: () => 1,
    async look(_busy: boolean, isClosed?: boolean) {
      looks.push({ isClosed });
      return (finds.shift() ?? []).map(messageOf);
    },
  } as unknown as Dispatch;
  const steering = createSteering(
    { stores: {}, media: {} } as unknown as TurnDeps,
    {
      context: {
        conversation,
        turn: 'turn',
        fence: { lock: '', token: '' },
        mailbox,
        slot: { isWanted: () => isWanted },
      },
      questions: { recall: undefined, answerByFile: async () => false },
      dispatch,
    } as unknown as TurnWork,
    { workspace: '/workspace', signal: new AbortController().signal },
  );
  const handle = async (event: TurnEvent): Promise<void> => {
    if (event.kind === 'read') await steering.pass(event);
    if (event.kind === 'all-read') await steering.onAllRead();
    if (event.kind === 'look' || event.kind === 'message') await steering.look();
    if (event.kind === 'answered') await steering.move();
  };
  const passed: string[] = [];
  const texts: string[] = [];
  const input: { isClosed: boolean } = { isClosed: false };
  const reading = (async () => {
    for await (const { id, text } of steering.prompts as AsyncIterable<Prompt>) {
      passed.push(id);
      texts.push(text);
    }
    input.isClosed = true;
  })();
  return {
    mailbox,
    steering,
    looks,
    passed,
    texts,
    input,
    reading,
    /** Handles everything that waits, and what it leads to. */
    async run() {
      do {
        for (let count = mailbox.waiting().length; count > 0; count -= 1)
          await mailbox.next(handle);
        await new Promise((resolve) => setImmediate(resolve));
      } while (mailbox.waiting().length > 0);
    },
  };
}

test('nothing is looked for while the first messages are read, and then once', async () => {
  const { mailbox, steering, looks, passed, run } = bench([['b']]);
  const begun = steering.begin([messageOf('a')]);
  mailbox.post({ kind: 'message', id: 'b' });
  mailbox.post({ kind: 'message', id: 'c' });
  await run();
  expect(await begun).toBe(true);
  await run();
  expect(passed).toEqual(['a', 'b']);
  expect(looks).toEqual([{ isClosed: false }]);
});

test('what was taken back is told with the first message of a turn, on one line', async () => {
  const { steering, texts, run } = bench();
  const begun = steering.begin([messageOf('a'), messageOf('b')]);
  await run();
  await begun;
  expect(texts).toEqual([expect.stringMatching(/^\[One\. Two\. Read a file .*\]\na$/), 'b']);
});

test('what comes in while an answer is handled still belongs to the turn', async () => {
  const { mailbox, steering, passed, input, reading, run } = bench([['b']]);
  const begun = steering.begin([messageOf('a')]);
  await run();
  await begun;
  mailbox.post({ kind: 'message', id: 'b' });
  steering.noteAnswer(['a'], 0);
  await run();
  expect([passed, input.isClosed]).toEqual([['a', 'b'], false]);
  steering.noteAnswer(['b'], 0);
  await run();
  await reading;
  expect(steering.left()).toBe(0);
});

test('when Claude’s input is closed a look takes nothing up, and what is left is not known', async () => {
  const { mailbox, steering, looks, passed, reading, run } = bench();
  const begun = steering.begin([messageOf('a')]);
  await run();
  await begun;
  steering.noteAnswer(['a'], 0);
  await run();
  await reading;
  expect(looks).toEqual([]);
  mailbox.post({ kind: 'message', id: 'late' });
  await run();
  expect(looks).toEqual([{ isClosed: true }]);
  expect(passed).toEqual(['a']);
  expect(steering.left()).toBeUndefined();
});

test('while another person waits for the slot, nothing more is begun once everything is answered; what belongs to the work still is', async () => {
  const { mailbox, steering, looks, passed, input, run } = bench([['b'], []], true);
  const begun = steering.begin([messageOf('a')]);
  await run();
  await begun;
  // It may be about the work.
  mailbox.post({ kind: 'message', id: 'b' });
  await run();
  expect([looks, passed]).toEqual([[{ isClosed: false }], ['a', 'b']]);
  steering.noteAnswer(['a', 'b'], 1);
  await run();
  expect(looks.at(-1)).toEqual({ isClosed: true });
  expect(input.isClosed).toBe(true);
});
