import { minuteOf } from '../relay/http/rate-limit.ts';
import { createVerifier } from '../shared/twilio/signature.ts';
import { startLoad } from './load.ts';
import type { Load } from './load.ts';
import { withRelayStage } from './relay-stage.ts';
import type { RelayProcess, RelayStage } from './relay-stage.ts';
import type { BenchOptions, Row, Section, SectionResult } from './section.ts';
import { formatRatio, formatSpread, medianRatio } from './statistics.ts';
import { messageForm, phones, sign, twilioSide } from './webhook-requests.ts';
import type { Signing } from './webhook-requests.ts';

/** The limit for the cost of a wrong signature, as a multiple of a right one. */
const most = 1.3;

const connections = 10;

/** How each kind of request is sent, and the expected answer. */
const kinds = {
  right: { signing: 'right', addresses: 'one', status: '200' },
  forged: { signing: 'wrong', addresses: 'many', status: '403' },
  'turned away': { signing: 'wrong', addresses: 'one', status: '429' },
  unsigned: { signing: 'none', addresses: 'one', status: '429' },
} as const satisfies Record<
  string,
  { signing: Signing; addresses: 'one' | 'many'; status: string }
>;
type Kind = keyof typeof kinds;

export const forgedSection: Section = {
  name: 'forged',
  title: 'A webhook with a forged signature',
  method:
    'CPU of the relay’s process for a request, over 10 connections: with Twilio’s signature; with a forged one from an address that is not turned away yet (403); with a forged one after 60 in this minute (429, and still looked at, since Twilio’s own requests may come from there, too); and without any after 60 (429 at once). Below it the check alone, in this process: the form is parsed and the signature looked at.',
  run: (options) => withRelayStage(options, (stage) => measure(options, stage)),
};

async function measure(
  { quick, rounds, signal }: BenchOptions,
  stage: RelayStage,
): Promise<SectionResult> {
  const load = startLoad();
  const found: Record<Kind, number[]> = { right: [], forged: [], 'turned away': [], unsigned: [] };
  try {
    const relay = await stage.start('ours');
    await stage.untilReady(relay);
    const count = quick ? 600 : 2000;
    for (let round = 0; round <= rounds; round += 1) {
      for (const kind of Object.keys(found) as Kind[]) {
        signal.throwIfAborted();
        const cpu = await measureKind(stage, load, relay, kind, count);
        if (round > 0) found[kind].push(cpu);
      }
    }
  } finally {
    await load.stop();
  }
  const { right, ...wrong } = found;
  const whole = Object.entries(wrong).map(([kind, cpu]) =>
    rowOf(`CPU a request, ${kind}`, cpu, right),
  );
  const { what, ours, peer, ratio } = rowOf(
    'the check alone, forged',
    ...checkAlone(Math.max(rounds, 3), quick ? 4000 : 20_000),
  );
  return {
    rows: [...whole, { what, ours, peer, ratio }],
    notes: [
      'A forged signature costs a second HMAC, since Twilio signs the address with its port or without, and less than a right one all the same, since nothing is stored.',
    ],
  };
}

/** Measures once more when a minute ends meanwhile: the relay counts failed requests by minutes. */
async function measureKind(...measurement: Parameters<typeof measureOnce>): Promise<number> {
  const minute = minuteOf(Date.now());
  try {
    return await measureOnce(...measurement);
  } catch (error) {
    if (minuteOf(Date.now()) === minute) throw error;
    return await measureOnce(...measurement);
  }
}

async function measureOnce(
  stage: RelayStage,
  load: Load,
  relay: RelayProcess,
  kind: Kind,
  count: number,
): Promise<number> {
  const { signing, addresses, status } = kinds[kind];
  const job = { port: relay.port, connections, signing, addresses };
  // The relay answers this many wrong requests a minute differently.
  if (status === '429') await load.run({ ...job, count: 200 });
  await stage.empty();
  const before = relay.cpuMicros();
  await load.run({ ...job, count }, status);
  return (relay.cpuMicros() - before) / count;
}

/** The CPU time of a check (µs) in each round: for forged signatures and for right ones. */
function checkAlone(rounds: number, count: number): [forged: number[], right: number[]] {
  const verify = createVerifier(twilioSide.publicUrl, [twilioSide.authToken]);
  const posts = phones.map((phone, index) => {
    const form = messageForm(phone, index);
    const signed = (token: string): string => sign(`${twilioSide.publicUrl}/webhook`, form, token);
    return {
      body: new URLSearchParams(form).toString(),
      right: signed(twilioSide.authToken),
      forged: signed('another token'),
    };
  });
  const measureSide = (which: 'right' | 'forged'): number => {
    const before = process.cpuUsage();
    for (let index = 0; index < count; index += 1) {
      const post = posts[index % posts.length];
      if (
        post &&
        verify('/webhook', new URLSearchParams(post.body), post[which]) !== (which === 'right')
      )
        throw new Error(`a ${which} signature was taken for the other`);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
  const [forged, right]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    const pair = [measureSide('forged'), measureSide('right')] as const;
    if (round === 0) continue;
    forged.push(pair[0]);
    right.push(pair[1]);
  }
  return [forged, right];
}

function rowOf(what: string, ours: number[], right: number[]): Required<Row> {
  return {
    what,
    ours: formatSpread(ours, 'µs'),
    peer: `right ${formatSpread(right, 'µs')}`,
    ratio: formatRatio(ours, right),
    target: `≤ ${most}×`,
    held: medianRatio(ours, right) <= most,
  };
}
