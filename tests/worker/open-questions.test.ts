import { expect, test } from 'vitest';
import type { AgentTurn } from '../../worker/agent/agent.ts';
import { otherPhone, phone, stranger, withPipeline } from '../support/pipeline.ts';
import type { Pipeline, WorkerChange } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const environment = { ALLOWED_SENDERS: [phone, otherPhone, stranger].join(','), STOP_SECONDS: '1', PERMISSIONS: 'ask' };

const approve = (turn: AgentTurn, detail: string) => turn.tools.approve({ tool: 'Bash', title: 'May I run this?', detail }, turn.signal);

/** `run X` asks for leave to run X; `work` waits for the gate; anything else is answered at once. */
function agentWith(gate: Promise<void>, begun: string[] = []): NonNullable<WorkerChange['answer']> {
  return async (text, turn) => {
    begun.push(text);
    if (text.startsWith('run ')) return `${text}: ${JSON.stringify(await approve(turn, text.slice(4)))}`;
    if (text.startsWith('work')) await gate;
    return `answer to ${text}`;
  };
}

const texts = ({ replies }: Pipeline, from = phone): string[] => replies(from).map(({ text }) => text);
/** The last message with something to tap, once there is one that holds `words`. */
const asked = (pipeline: Pipeline, words: string, from = phone) =>
  until(`the question “${words}”`, () => pipeline.replies(from).findLast(({ buttons, text }) => buttons.length > 0 && text.includes(words)));
const tap = async (pipeline: Pipeline, words: string, title: string, from = phone): Promise<void> => {
  const question = await asked(pipeline, words, from);
  const button = question.buttons.find((one) => one.title === title);
  if (!button) throw new Error(`no button ${title}`);
  await pipeline.twin.chat.receive(from, { quoted: question.sid, choice: { ...button, kind: 'button' } });
};

test('a question takes no place: others work meanwhile, and the answer gets the next place that is free', async () => {
  await withPipeline({ environment }, async (pipeline) => {
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    await pipeline.startWorker({ answer: agentWith(gate.promise, begun), concurrency: { turns: 1, deliveries: 10 }, silence: { idleMs: 60_000, toolMs: 60_000 } });
    await pipeline.say('run ls');
    await asked(pipeline, 'ls');
    await pipeline.say('hello', otherPhone);
    await until('the other’s answer', () => texts(pipeline, otherPhone).includes('answer to hello'));
    await pipeline.say('work', otherPhone);
    await until('the other is at work', () => begun.includes('work'));
    await pipeline.say('hello', stranger);
    await until('the third waits', () => texts(pipeline, stranger).some((text) => text.startsWith('All hands are busy')));
    // Answered while the place is another's: it waits for that, before who has not begun.
    await tap(pipeline, 'ls', 'Yes');
    await until('the person hears of it', () => texts(pipeline).includes('All hands are busy. You are next; I start by myself.'));
    await pipeline.say('/status');
    await until('the status', () => texts(pipeline).some((text) => text.includes('I also work for somebody else.')));
    expect(texts(pipeline).filter((text) => text.startsWith('run ls:'))).toEqual([]);
    gate.resolve();
    await until('all answers', () => texts(pipeline).includes('run ls: "yes"') && texts(pipeline, stranger).includes('answer to hello'));
    expect(begun).toEqual(['run ls', 'hello', 'work', 'hello']);
  });
});

test('an answered question that waits for its place can be stopped', async () => {
  await withPipeline({ environment }, async (pipeline) => {
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    await pipeline.startWorker({ answer: agentWith(gate.promise, begun), concurrency: { turns: 1, deliveries: 10 }, silence: { idleMs: 60_000, toolMs: 60_000 } });
    await pipeline.say('run ls');
    await asked(pipeline, 'ls');
    await pipeline.say('work', otherPhone);
    await until('the other is at work', () => begun.includes('work'));
    await tap(pipeline, 'ls', 'Yes');
    await pipeline.say('stop');
    await until('the stop', () => texts(pipeline).some((text) => text.startsWith('Stopped.')));
    gate.resolve();
    await until('the other’s answer', () => texts(pipeline, otherPhone).includes('answer to work'));
    // The place in the line went with it.
    await pipeline.say('hello');
    await until('the next answer', () => texts(pipeline).includes('answer to hello'));
    expect(texts(pipeline).filter((text) => text.startsWith('run ls:'))).toEqual([]);
  });
});
