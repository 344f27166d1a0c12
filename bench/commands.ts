import { setTimeout as sleep } from 'node:timers/promises';
import { countCommands } from '../simulator/idle-cost/command-count.ts';
import type { CommandCount, Counted } from '../simulator/idle-cost/command-count.ts';
import { measureIdleCost } from '../simulator/idle-cost/idle-cost.ts';
import { mostPerDay } from '../simulator/idle-cost/report.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { median } from './statistics.ts';
import { withSystem } from './system-stage.ts';

/** The most commands that one message may take, from the webhook to "delivered". */
const mostForMessage = 36;

/**
 * The idle time after which a message counts as complete (ms): its status callbacks arrive within
 * 0.4 s.
 */
const quietMs = 900;

async function untilQuiet(count: CommandCount, signal: AbortSignal): Promise<void> {
  while (Date.now() - count.lastAt() < quietMs) await sleep(50, undefined, { signal });
}

/**
 * The commands that the clients send for one message, with everything awake and Claude's session
 * live.
 */
async function countMessages(options: BenchOptions, messages: number): Promise<Counted[]> {
  return await withSystem(options, {}, async ({ simulator, say }) => {
    await say('say first');
    const count = await countCommands(simulator.redisUrl);
    try {
      const counted: Counted[] = [];
      await untilQuiet(count, options.signal);
      for (let message = 0; message < messages; message += 1) {
        count.reset();
        await say(`say number ${message}`);
        await untilQuiet(count, options.signal);
        counted.push(count.read());
      }
      return counted;
    } finally {
      await count.stop();
    }
  });
}

async function countIdle({ searchPath, log, say, signal }: BenchOptions): Promise<Row[]> {
  const { asleep, awake } = await measureIdleCost({
    seconds: 20,
    awakeSeconds: 60,
    searchPath,
    log,
    say,
    signal,
  });
  const perDay = awake?.perDay ?? Number.NaN;
  return [
    { what: 'asleep, 20 s', ours: String(asleep.total), target: '0', held: asleep.total === 0 },
    {
      what: 'awake with nothing to do, a day',
      ours: perDay.toLocaleString('en'),
      peer: 'three BullMQ workers as they are 112,000',
      target: `≤ ${mostPerDay.toLocaleString('en')}`,
      held: perDay <= mostPerDay,
    },
  ];
}

export const commandsSection: Section = {
  name: 'commands',
  title: 'Redis commands',
  method:
    'What relay and worker send to Redis, by its MONITOR without what scripts do inside; MULTI and EXEC count. One message is a plain text that one turn answers, with the worker awake and the session live: webhook, “typing…”, turn, answer, delivery, and the status callbacks “sent” and “delivered”. A day is counted for a minute, three renewals of the lease, and BullMQ’s slow polls are added.',
  async run(options) {
    options.say('messages …');
    const counted = await countMessages(options, options.quick ? 1 : 5);
    const total = median(counted.map((one) => one.total));
    const first = counted[0];
    return {
      rows: [
        {
          what: 'one message',
          ours: String(total),
          target: `≤ ${mostForMessage}`,
          held: total <= mostForMessage,
        },
        ...(options.quick ? [] : await countIdle(options)),
      ],
      notes: first
        ? [
            `One message: ${first.commands.map(([name, times]) => `${name} ${times}`).join(', ')}. Accepting takes 5 of them (MULTI, two scripts around BullMQ’s, EXEC), “typing…” 1, BullMQ’s workers 6 for the turn and 6 for the delivery, the turn 5 (opening, take-up, claim, session, end), its request to the model 3, answer and its delivery job 4, the delivery 2, callbacks 2.`,
          ]
        : [],
    };
  },
};
