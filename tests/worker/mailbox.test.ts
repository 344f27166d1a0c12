import { expect, test } from 'vitest';
import { createMailbox, MailboxClosed } from '../../worker/turn/mailbox.ts';
import type { TurnEvent } from '../../worker/turn/mailbox.ts';

const message = (id: string): TurnEvent => ({ kind: 'message', id });

test('events are handled in order, and what is posted before anyone listens is kept', async () => {
  const mailbox = createMailbox();
  const handled: TurnEvent[] = [];
  mailbox.post(message('a'));
  mailbox.post(message('b'));
  expect(mailbox.waiting()).toEqual([message('a'), message('b')]);
  for (let count = 0; count < 2; count += 1)
    await mailbox.next((event) => {
      // Posted by a handler, it comes after what waits already.
      if (handled.push(event) === 1) mailbox.post(message('c'));
    });
  expect(handled).toEqual([message('a'), message('b')]);
  expect(mailbox.waiting()).toEqual([message('c')]);
});

test('the loop waits for the next event', async () => {
  const mailbox = createMailbox();
  const handled: TurnEvent[] = [];
  const next = mailbox.next((event) => void handled.push(event));
  await Promise.resolve();
  expect(handled).toEqual([]);
  mailbox.post(message('a'));
  await next;
  expect(handled).toEqual([message('a')]);
});

test('a sender may wait until its event is handled, and not a moment less', async () => {
  const mailbox = createMailbox();
  const steps: string[] = [];
  const { promise: written, resolve: write } = Promise.withResolvers<void>();
  const delivered = mailbox.deliver(message('a')).then(() => steps.push('delivered'));
  const handling = mailbox.next(async () => {
    steps.push('begun');
    await written;
    steps.push('handled');
  });
  await Promise.resolve();
  expect(steps).toEqual(['begun']);
  write();
  await Promise.all([delivered, handling]);
  expect(steps).toEqual(['begun', 'handled', 'delivered']);
});

test('an error of the handler goes to the sender that waits, or to the loop', async () => {
  const mailbox = createMailbox();
  const fail = (): never => {
    throw new Error('Redis is away');
  };
  const delivered = mailbox.deliver(message('a')).catch((error: unknown) => error);
  await mailbox.next(fail);
  expect(await delivered).toMatchObject({ message: 'Redis is away' });
  mailbox.post(message('b'));
  await expect(mailbox.next(fail)).rejects.toThrow('Redis is away');
  // The loop goes on.
  mailbox.post(message('c'));
  await mailbox.next((event) => expect(event).toEqual(message('c')));
});

test('a closed mailbox keeps no sender waiting, and takes nothing more', async () => {
  const mailbox = createMailbox();
  const delivered = mailbox.deliver(message('a')).catch((error: unknown) => error);
  mailbox.close();
  expect(await delivered).toBeInstanceOf(MailboxClosed);
  await expect(mailbox.deliver(message('b'))).rejects.toThrow(MailboxClosed);
  mailbox.post(message('c'));
  expect(mailbox.waiting()).toEqual([]);
});
