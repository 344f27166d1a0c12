import type { BareProcess } from './bare-process.ts';
import { withFirstRequestStage } from './first-request-stage.ts';
import type { FirstRequestStage } from './first-request-stage.ts';
import type { BenchOptions, Row, Section, SectionResult } from './section.ts';
import { formatRatio, formatSpread, median, medianRatio, percentile } from './statistics.ts';

/** How many messages are sent into a live session in a round. */
const warmMessages = { quick: 5, full: 20 };

/**
 * The measurements (ms), one value per round; for warm messages one value per message. `usual` runs
 * the browser's server as a process of the session.
 */
type Times = Record<
  'warm' | 'fresh' | 'resumed' | 'resumedBare' | 'resumedUsual' | 'cold' | 'coldBare' | 'coldUsual',
  number[]
>;

export const firstRequestSection: Section = {
  name: 'first-request',
  title: 'From the webhook to the model’s first request',
  method: [
    'The whole system as production runs it (relay, worker and Claude Code as processes; the model is scripted) gets a WhatsApp message, and the time is taken from Twilio’s POST until the model is asked.',
    '*Warm* goes into a live session, *new* into a session that begins while a prewarmed process is ready, *resumed* into one whose process was killed, *cold* starts the worker’s process, too.',
    'The floor is a program that only calls the SDK’s `query()` with the same options: with `resume` in a process that runs, and, for cold, from the start of its process. “The usual way” is that program with the browser’s MCP server',
    'as a process of its own, which each session then waits for.',
  ].join(' '),
  async run(options) {
    return await withFirstRequestStage(options, async (stage) =>
      report(await measure(options, stage)),
    );
  },
};

/** One measurement of each, `usual` only in the long form. */
async function measure(
  { quick, rounds, say, signal }: BenchOptions,
  stage: FirstRequestStage,
): Promise<Times> {
  const times: Times = {
    warm: [],
    fresh: [],
    resumed: [],
    resumedBare: [],
    resumedUsual: [],
    cold: [],
    coldBare: [],
    coldUsual: [],
  };
  const [bare, usual] = [createPeer(stage, 'bare', false), createPeer(stage, 'usual', true)];
  // A first run creates compiled code and directories, which are not part of the comparison.
  if (!quick) await stage.say('say first');
  for (let round = 1; round <= rounds && !signal.aborted; round += 1) {
    say(`round ${round} of ${rounds}`);
    await stage.sendToSleep();
    times.cold.push(await stage.say(`say cold ${round}`));
    times.coldBare.push(await bare.start(round));
    if (!quick) times.coldUsual.push(await usual.start(round));
    for (let count = 0; count < (quick ? warmMessages.quick : warmMessages.full); count += 1)
      times.warm.push(await stage.say(`say warm ${round} ${count}`));
    await bare.begin();
    if (!quick) await usual.begin();
    await stage.endLive();
    times.resumed.push(await stage.say(`say resumed ${round}`));
    times.resumedBare.push(await bare.resume(round));
    if (!quick) times.resumedUsual.push(await usual.resume(round));
    await stage.untilPrewarmed();
    await stage.say('/new');
    times.fresh.push(await stage.say(`say fresh ${round}`));
  }
  return times;
}

/**
 * A bare Claude Code: started with its process, or resumed in a running process. Both return the
 * time until the request to the model (ms).
 */
function createPeer(
  stage: FirstRequestStage,
  name: string,
  usual: boolean,
): {
  start(round: number): Promise<number>;
  begin(): Promise<void>;
  resume(round: number): Promise<number>;
} {
  let running: BareProcess | undefined;
  let session: string | undefined;
  return {
    async start(round) {
      const text = `say cold ${name} ${round}`;
      const since = Date.now();
      const process = stage.startBare(`${name}-${round}`, { usual, text });
      const asked = await stage.askedBare(text, since);
      await process.stop();
      return asked;
    },
    async begin() {
      running ??= stage.startBare(name, { usual });
      session ??= await running.ask({ text: `say first ${name}` });
    },
    async resume(round) {
      const text = `say resumed ${name} ${round}`;
      const since = Date.now();
      await running?.ask({ text, ...(session === undefined ? {} : { session }) });
      return await stage.askedBare(text, since);
    },
  };
}

function report(times: Times): SectionResult {
  const [half, most, fresh] = [
    median(times.warm),
    percentile(times.warm, 0.95),
    median(times.fresh),
  ];
  const resumed = medianRatio(times.resumed, times.resumedBare);
  const cold = medianRatio(times.cold, times.coldBare);
  const against = (what: string, ours: number[], peer: number[]): Row[] =>
    peer.length === 0
      ? []
      : [
          {
            what,
            ours: formatSpread(ours, 'ms'),
            peer: formatSpread(peer, 'ms'),
            ratio: formatRatio(ours, peer),
          },
        ];
  return {
    rows: [
      {
        what: 'warm, half of the messages',
        ours: formatSpread(times.warm, 'ms'),
        target: '≤ 100 ms',
        held: half <= 100,
      },
      {
        what: 'warm, 95 % of the messages',
        ours: `${most.toFixed(0)} ms`,
        target: '≤ 200 ms',
        held: most <= 200,
      },
      {
        what: 'new session, worker up',
        ours: formatSpread(times.fresh, 'ms'),
        target: '≤ 400 ms',
        held: fresh <= 400,
      },
      ...against('resumed session, against a bare resume', times.resumed, times.resumedBare).map(
        (row) => ({ ...row, target: '≤ 1.1×', held: resumed <= 1.1 }),
      ),
      ...against('resumed session, against the usual way', times.resumed, times.resumedUsual),
      ...against('cold, against Node’s start and a bare session’s', times.cold, times.coldBare).map(
        (row) => ({ ...row, target: '≤ 1.2×', held: cold <= 1.2 }),
      ),
      ...against('cold, against the usual way', times.cold, times.coldUsual),
    ],
    notes: [],
  };
}
