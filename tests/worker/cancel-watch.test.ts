import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import { createArrivals } from '../../worker/process/arrivals.ts';
import type { TurnContext } from '../../worker/turn/context.ts';
import type { TurnDeps } from '../../worker/turn/deps.ts';
import { createMailbox } from '../../worker/turn/mailbox.ts';
import { createCancelWatch } from '../../worker/turn/stop.ts';

const conversation = '+15551230001';
const stop: Message = {
  id: 'SM1',
  conversation,
  at: '2026-11-29T10:00:00.000Z',
  text: 'stop',
  media: [],
  human: true,
};

/** A turn at work whose inbox holds these messages; counts how often they are read. */
function bench(inbox: Message[], seen: string[] = []) {
  const [arrivals, mailbox] = [createArrivals(), createMailbox()];
  const reads = { count: 0 };
  const read = async (): Promise<Message[]> => {
    reads.count += 1;
    return inbox;
  };
  return {
    arrivals,
    mailbox,
    reads,
    watch: () =>
      createCancelWatch(
        { stores: { inbox: { read } }, arrivals } as unknown as TurnDeps,
        { conversation, mailbox, log: createLog('test', 'silent') } as TurnContext,
        { open: () => undefined },
        { hasSeen: (id) => seen.includes(id) },
      ),
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a stop is heard at once while an event is being handled, however long that takes', async () => {
  const { arrivals, mailbox, watch } = bench([stop]);
  const { signal } = watch();
  mailbox.post({ kind: 'look' });
  void mailbox.next(() => new Promise(() => undefined));
  await settled();
  expect(signal.aborted).toBe(false);
  arrivals.announce(conversation, stop.id);
  await settled();
  expect(signal.reason).toMatchObject({ name: 'StopRequest', by: stop, isAsked: false });
});

test('a stop that came before the work began is heard as well, and what was seen costs no reading', async () => {
  const late = bench([stop]);
  late.mailbox.post({ kind: 'message', id: stop.id });
  const { signal } = late.watch();
  await settled();
  expect(signal.aborted).toBe(true);
  const known = bench([stop], [stop.id]);
  known.mailbox.post({ kind: 'message', id: stop.id });
  const watch = known.watch();
  known.arrivals.announce(conversation, stop.id);
  await settled();
  expect([known.reads.count, watch.signal.aborted]).toEqual([0, false]);
});

test('once it has ended it hears nothing more', async () => {
  const { arrivals, reads, watch } = bench([stop]);
  const { signal, end } = watch();
  end();
  arrivals.announce(conversation, stop.id);
  await settled();
  expect([reads.count, signal.aborted]).toEqual([0, false]);
});
