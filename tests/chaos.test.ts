import { describe, expect, test } from 'vitest';
import { createLog } from '../shared/runtime/log.ts';
import { runChaos } from '../simulator/chaos/chaos.ts';
import { WrongUsage } from '../shared/runtime/command-line.ts';
import { parseChaosOptions } from '../simulator/chaos/options.ts';
import { allKinds, createPlan, kindsOf } from '../simulator/chaos/plan.ts';
import { formatReport, isClean } from '../simulator/chaos/report.ts';
import { findMissing, judgeMissing, lossesOf } from '../simulator/chaos/file-verdict.ts';
import { formatFiles } from '../simulator/chaos/kept-files.ts';
import { judge } from '../simulator/chaos/verdict.ts';
import type { ReceivedReply, SentMessage } from '../simulator/chaos/verdict.ts';
import { findMarked } from '../worker/agent/sandbox/processes.ts';

const size = {
  messages: 300,
  conversations: 20,
  claude: 2,
  workers: 1,
  relays: 1,
  homes: 1,
  minutes: 3,
  seed: 7,
};

describe('the schedule', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(createPlan(size)).toEqual(createPlan(size));
    expect(createPlan({ ...size, seed: 8 }).digest).not.toBe(createPlan(size).digest);
  });

  test('has every message once, in time, and every kind of kill', () => {
    const plan = createPlan(size);
    expect(new Set(plan.messages.map((message) => message.label)).size).toBe(size.messages);
    expect(
      plan.messages.every((message) => message.atMs >= 0 && message.atMs <= plan.durationMs),
    ).toBe(true);
    expect(new Set(plan.kills.map((kill) => kill.kind))).toEqual(new Set(kindsOf(1)));
    const fleet = createPlan({ ...size, relays: 2, homes: 3 });
    expect(fleet.messages).toEqual(plan.messages);
    expect(new Set(fleet.kills.map((kill) => kill.kind))).toEqual(new Set(allKinds));
    for (const place of ['relay', 'home', 'worker'] as const)
      expect(new Set(fleet.kills.map((kill) => kill[place])).size).toBe(place === 'relay' ? 2 : 3);
  });

  test('refuses options that mean nothing, with a sentence', () => {
    expect(parseChaosOptions([])).toMatchObject({
      messages: 300,
      conversations: 20,
      seed: 7,
      minutes: 3,
      workers: 1,
      claude: 2,
    });
    expect(parseChaosOptions(['--help'])).toBe('help');
    for (const wrong of [
      ['--messages', 'many'],
      ['--seed', '1.5'],
      ['--workers', '3'],
      ['--workers', '2', '--homes', '3'],
      ['--relays', '3'],
      ['--kinds', 'move'],
      ['--minutes', ''],
      ['--conversations', '1', '--claude', '2'],
      ['--unknown'],
      ['--kinds', 'worker,flood'],
    ]) {
      expect(() => parseChaosOptions(wrong)).toThrow(WrongUsage);
    }
  });
});

describe('the verdict', () => {
  const phone = '+15552000001';
  const sent = (
    label: string,
    sentAt: number,
    acceptedAt: number | undefined,
    more: Partial<SentMessage> = {},
  ): SentMessage => ({
    label,
    conversation: phone,
    sid: `SM${label}`,
    sentAt,
    acceptedAt,
    state: 'answered',
    turn: 'T',
    ...more,
  });
  const reply = (text: string, at: number, more: Partial<ReceivedReply> = {}): ReceivedReply => ({
    sid: `SM${at}`,
    conversation: phone,
    text,
    status: 'delivered',
    at,
    toldFailure: false,
    ...more,
  });

  test('finds nothing wrong with one answer each, in order', () => {
    const verdict = judge(
      [sent('1', 0, 10), sent('2', 20, 30)],
      [reply('answer to 1', 40), reply('answer to 2 with a note', 50)],
    );
    expect(verdict).toMatchObject({
      accepted: 2,
      answered: 2,
      failed: 0,
      lost: [],
      doubled: [],
      outOfOrder: [],
      longestSilenceMs: 30,
    });
  });

  test('finds what was lost, doubled and out of order', () => {
    expect(judge([sent('1', 0, 10)], []).lost).toHaveLength(1);
    expect(
      judge([sent('1', 0, 10)], [reply('answer to 1', 40), reply('answer to 1', 50)]).doubled,
    ).toHaveLength(1);
    expect(
      judge(
        [sent('1', 0, 10), sent('2', 20, 30)],
        [reply('answer to 2', 40), reply('answer to 1', 50)],
      ).outOfOrder,
    ).toHaveLength(1);
  });

  test('takes a message for told when the restored store’s sentence quotes it', () => {
    const unsure = (quoted: string): ReceivedReply =>
      reply(`I lost the last moments of my memory. I think I answered “${quoted}” already.`, 40);
    for (const quoted of ['3-0140', 'say answer to 3-0140 with a note'])
      expect(judge([sent('3-0140', 0, 10)], [unsure(quoted)])).toMatchObject({
        failed: 1,
        lost: [],
      });
    expect(judge([sent('3-0140', 0, 10)], [unsure('answer to 3-01401')]).lost).toHaveLength(1);
    const refused = reply('answer to 3-0140', 20, { status: 'failed', toldFailure: true });
    expect(judge([sent('3-0140', 0, 10)], [refused, unsure('3-0140')])).toMatchObject({
      failed: 1,
      lost: [],
    });
  });

  test('takes the end of work in the background for told when its report is given up by name', () => {
    const began = reply('answer to 3-0140 with a helper\nbegan 3-0140', 40);
    const givenUp = (label: string): ReceivedReply =>
      reply(
        `_About “say answer to ${label} with a helper”:_\n\nI could not finish this: Claude stopped several times.`,
        50,
      );
    const lost = (...replies: ReceivedReply[]) =>
      judge([sent('3-0140', 0, 10)], [began, ...replies]).lost;
    expect(lost(givenUp('3-0140'))).toEqual([]);
    expect(lost(givenUp('3-01401'))).toHaveLength(1);
    expect(lost()).toHaveLength(1);
  });

  test('takes a message without a free home for told when the person is asked to write again', () => {
    const refused = [sent('1', 0, 10, { state: 'refused' })];
    const told = reply('There is no computer free for you yet. I have told the owner.', 20);
    expect(judge(refused, [told])).toMatchObject({ failed: 1, lost: [] });
    expect(judge(refused, []).lost).toHaveLength(1);
  });

  test('knows no order among messages that were under way together', () => {
    expect(
      judge(
        [sent('1', 0, 25), sent('2', 20, 30)],
        [reply('answer to 2', 40), reply('answer to 1', 50)],
      ).outOfOrder,
    ).toEqual([]);
  });

  test('takes a failure for told only when its sentence is there', () => {
    const givenUp = [sent('1', 0, 10, { state: 'failed' })];
    expect(judge(givenUp, []).lost).toHaveLength(1);
    expect(
      judge(givenUp, [reply('I could not finish this: Claude stopped several times.', 40)]),
    ).toMatchObject({ failed: 1, lost: [] });
    const refused = reply('answer to 1', 40, { status: 'undelivered', toldFailure: true });
    expect(judge([sent('1', 0, 10)], [refused]).lost).toHaveLength(1);
    expect(
      judge(
        [sent('1', 0, 10)],
        [refused, reply('One of my messages could not be delivered. Please ask me again.', 50)],
      ),
    ).toMatchObject({ failed: 1, lost: [] });
    // The failure reached a relay that was killed before it could say so to Twilio.
    const untold = { ...refused, toldFailure: false };
    const sentence = reply('One of my messages could not be delivered. Please ask me again.', 50);
    expect(judge([sent('1', 0, 10)], [untold, sentence])).toMatchObject({
      failed: 1,
      undeliveredUntold: [],
      lost: [],
    });
    expect(judge([sent('1', 0, 10)], [untold])).toMatchObject({
      failed: 0,
      undeliveredUntold: [{ label: '1' }],
      lost: [],
    });
    expect(judge([sent('1', 0, 10)], [refused, reply('answer to 1', 50)])).toMatchObject({
      answered: 1,
      failed: 0,
      doubled: [],
    });
  });
});

describe('the verdict on files', () => {
  const phones = new Set(['+15552000001']);
  const [conversation = ''] = phones;
  const sent = [1, 2, 3].map((index): SentMessage => {
    const at = index * 10_000;
    return { label: `1-${index}`, conversation, sid: `SM${index}`, sentAt: at, acceptedAt: at };
  });
  const answer = (index: number, ...files: string[]): ReceivedReply => ({
    sid: `SN${index}`,
    conversation,
    text: `answer to 1-${index} with a tool\n${formatFiles(files)}`,
    status: 'delivered',
    at: index * 10_000 + 1000,
    toldFailure: false,
  });
  const whole = [answer(1, '1-1'), answer(2, '1-1', '1-2'), answer(3, '1-1', '1-2', '1-3')];
  const lacking = [answer(1, '1-1'), answer(2, '1-2'), answer(3, '1-1', '1-2', '1-3')];
  const judgeAll = async (replies: ReceivedReply[], lostAt: number[], snapshots: number[]) =>
    await judgeMissing(
      findMissing(
        sent,
        replies,
        lostAt.map((at) => ({ at, phones })),
      ),
      async () => snapshots,
    );

  test('takes a file that is not there for missing, unless its disk was lost and no snapshot has it', async () => {
    expect(await judgeAll(whole, [], [])).toEqual({ missing: [], older: [] });
    expect((await judgeAll(lacking, [], [])).missing).toMatchObject([{ label: '1-1' }]);
    expect((await judgeAll(lacking, [15_000], [])).older).toMatchObject([{ label: '1-1' }]);
    // Taken before the file, and so shortly after it that the clock of the store may be ahead.
    expect((await judgeAll(lacking, [19_000], [10_000, 13_000])).older).toHaveLength(1);
    expect((await judgeAll(lacking, [19_000], [15_000])).missing).toHaveLength(1);
    // A snapshot after the loss, and a loss after the answer.
    expect((await judgeAll(lacking, [15_000], [16_000])).older).toHaveLength(1);
    expect((await judgeAll(lacking, [22_000], [])).missing).toHaveLength(1);
  });

  test('excuses people who were moved while Redis lost the period', () => {
    const moves = [{ from: 5, to: 8, phone: conversation }];
    expect(lossesOf([{ from: 7, to: 9 }], moves, [...phones])).toEqual([{ at: 9, phones }]);
    expect(lossesOf([{ from: 9, to: 12 }], moves, [...phones])).toEqual([
      { at: 12, phones: new Set() },
    ]);
  });
});

test('nothing is lost, doubled or out of order while processes are killed and Twilio misbehaves', async () => {
  const result = await runChaos({
    messages: 30,
    conversations: 4,
    claude: 1,
    workers: 1,
    relays: 2,
    homes: 1,
    minutes: 0.1,
    seed: 5,
    killEveryMs: 2000,
    keep: false,
    searchPath: process.env['PATH'] ?? '',
    log: createLog('test', 'silent'),
    say: () => undefined,
    signal: new AbortController().signal,
  });
  if (!isClean(result)) throw new Error(formatReport(result));
  expect(result.verdict.accepted).toBe(30);
  expect(result.restarts).toBeGreaterThan(0);
  expect(
    (await findMarked()).filter(({ mark }) => mark.startsWith(`chaos-${process.pid}-`)),
  ).toEqual([]);
});
