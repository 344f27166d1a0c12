import { DelayedError } from 'bullmq';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { AwaitingAnswer } from '../../worker/questions/answer-wait.ts';
import { putOffForAnswer } from '../../worker/questions/awaiting-answer.ts';

type PutOff = Parameters<typeof putOffForAnswer>;

/**
 * Puts a turn off that has taken up the message `asked`, and whose question was answered by
 * `answer`; `inbox` are the ids that wait at the moment of the delay. Returns what was done, in
 * order.
 */
async function putOff({ inbox, isOpen }: { inbox: string[]; isOpen: boolean }): Promise<string[]> {
  const done: string[] = [];
  const deps = {
    stores: {
      inbox: { read: async () => inbox.map((id) => ({ id })) },
      turns: { promote: async () => void done.push('promoted') },
    },
  } as unknown as PutOff[0];
  const context = {
    job: {
      data: { messages: [{ id: 'asked' }] },
      moveToDelayed: async () => void done.push('delayed'),
    },
    token: 't',
    conversation: '+15551230001',
    log: createLog('test', 'silent'),
  } as unknown as PutOff[1];
  const attempts = { giveBack: async () => void done.push('given back') } as unknown as PutOff[3];
  const questions = {
    open: () => (isOpen ? {} : undefined),
    answerers: () => ['answer'],
  } as unknown as PutOff[4];
  await expect(
    putOffForAnswer(deps, context, new AwaitingAnswer(Date.now() + 60_000), attempts, questions),
  ).rejects.toThrow(DelayedError);
  return done;
}

test('a turn that waits for an answer is put off, and brought forward when one has come in meanwhile', async () => {
  const waits = ['given back', 'delayed'];
  expect(await putOff({ inbox: ['asked', 'answer'], isOpen: true })).toEqual(waits);
  expect(await putOff({ inbox: ['asked', 'new'], isOpen: true })).toEqual([...waits, 'promoted']);
  expect(await putOff({ inbox: ['asked'], isOpen: false })).toEqual([...waits, 'promoted']);
});
