import { DelayedError } from 'bullmq';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import { AwaitingAnswer } from '../../worker/questions/answer-wait.ts';
import { putOffForAnswer } from '../../worker/questions/awaiting-answer.ts';
import type { OpenQuestion } from '../../worker/questions/question.ts';
import { nextStep } from '../../worker/turn/next-step.ts';

type PutOff = Parameters<typeof putOffForAnswer>;

/**
 * Puts a turn off that has seen the messages `asked`, `answer` and `scheduled`; `inbox` are the ids
 * that wait at the moment of the delay. Returns what was done, in order.
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
  } as unknown as PutOff[4];
  await expect(
    putOffForAnswer(
      deps,
      context,
      new AwaitingAnswer(Date.now() + 60_000),
      attempts,
      questions,
      (id) => ['asked', 'answer', 'scheduled'].includes(id),
    ),
  ).rejects.toThrow(DelayedError);
  return done;
}

test('a turn that waits for an answer is put off, and brought forward when one has come in meanwhile', async () => {
  const waits = ['given back', 'delayed'];
  expect(await putOff({ inbox: ['asked', 'answer'], isOpen: true })).toEqual(waits);
  // What waits for a turn of its own does not begin this one again and again.
  expect(await putOff({ inbox: ['asked', 'scheduled'], isOpen: true })).toEqual(waits);
  expect(await putOff({ inbox: ['asked', 'new'], isOpen: true })).toEqual([...waits, 'promoted']);
  expect(await putOff({ inbox: ['asked'], isOpen: false })).toEqual([...waits, 'promoted']);
});

test('work of the session that asks is heard in its turn, and other work waits for its own', () => {
  const about = (session: string): Message => ({
    id: `work-${session}`,
    conversation: '+15551230001',
    at: '2026-07-01T09:00:00.000Z',
    text: 'Work in the background',
    media: [],
    human: false,
    work: { session },
  });
  const question: OpenQuestion = {
    id: 'turn.ask.1',
    deadline: Infinity,
    labels: ['Red', 'Blue'],
    kind: 'choice',
    text: 'Which?',
    multiple: false,
  };
  const step = (session: string, open: OpenQuestion | undefined): unknown =>
    nextStep([about(session)], {
      taken: new Set(),
      busy: true,
      question: open,
      session: 'asking',
      quoted: () => undefined,
      tapSentence: () => undefined,
    })?.kind;
  expect([step('asking', question), step('asking', undefined), step('other', question)]).toEqual([
    'prompt',
    undefined,
    undefined,
  ]);
});
