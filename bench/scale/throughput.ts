import type { BenchOptions, Plot, Row } from '../section.ts';
import { formatNumber, formatSpread, median } from '../statistics.ts';
import { withHomes } from './homes.ts';
import type { HomesRound, HomesSize } from './homes.ts';

/** At least this much of a home’s throughput times the number of homes. */
const leastShare = 0.9;
/** The most of the machine that a load may take, so that it is not the machine that is measured. */
const mostCpu = 0.6;

/** An agent waits `waitMs`; the fleet grows to these numbers of `homes`. */
type Size = HomesSize & { waitMs: number; homes: number[] };

/** A VM of 4 GB works at four agents at once (`worker/concurrency.ts`). */
const sizes: { full: Size; quick: Size } = {
  full: { lanes: 4, waitMs: 1000, peopleOfHome: 24, homes: [1, 2, 4, 8] },
  quick: { lanes: 4, waitMs: 250, peopleOfHome: 16, homes: [1, 2] },
};

/** How often a load is repeated at most: each takes six seconds. */
const mostRounds = 3;

type Found = { homes: number; rounds: HomesRound[] };

/** Turns a second. */
const rateOf = ({ turns, seconds }: HomesRound): number => turns / seconds;

/** The throughput of 1, 2, 4 and 8 homes next to what one home would give that many times. */
export async function measureThroughput(
  options: BenchOptions,
): Promise<{ rows: Row[]; notes: string[]; plot: Plot }> {
  const size = options.quick ? sizes.quick : sizes.full;
  const found = await withHomes(options, size, async ({ growTo, load }) => {
    const all: Found[] = [];
    for (const homes of size.homes) {
      await growTo(homes);
      // A person's first turn makes their home, and the first turns compile the code.
      await load(0);
      const rounds: HomesRound[] = [];
      for (let round = 0; round < Math.min(options.rounds, mostRounds); round += 1)
        rounds.push(await load(size.waitMs));
      all.push({ homes, rounds });
      options.say(`${homes} homes: ${formatSpread(rounds.map(rateOf), 'turns a second')}`);
    }
    return all;
  });
  return {
    rows: [...found.map((one) => rowOf(one, found)), cpuRow(found)],
    notes: [
      `Each home works at ${size.lanes} turns at once, so no home can do more than ${formatNumber((1000 / size.waitMs) * size.lanes)} turns a second; one home did ${formatNumber(rateOfOne(found))}. The whole machine was in use, by homes: ${found.map(({ homes, rounds }) => `${homes}: ${percent(median(rounds.map(({ machine }) => machine)))}`).join(', ')}, with whatever else ran on it.`,
    ],
    plot: {
      file: 'scale.svg',
      title: 'Turns a second, by the number of homes',
      x: 'homes',
      y: 'turns a second',
      series: [
        {
          name: 'measured',
          points: found.map(({ homes, rounds }) => [homes, median(rounds.map(rateOf))]),
        },
        {
          name: 'linear',
          points: found.map(({ homes }) => [homes, homes * rateOfOne(found)]),
        },
      ],
    },
  };
}

const rateOfOne = ([one]: Found[]): number => median((one?.rounds ?? []).map(rateOf));

const percent = (part: number): string => `${Math.round(part * 100)} %`;

function rowOf({ homes, rounds }: Found, found: Found[]): Row {
  const linear = homes * rateOfOne(found);
  const share = median(rounds.map(rateOf)) / linear;
  return {
    what: `turns a second with ${homes} ${homes === 1 ? 'home' : 'homes'}`,
    ours: formatSpread(rounds.map(rateOf), ''),
    ...(homes === 1
      ? {}
      : {
          peer: `linear ${formatNumber(linear)}`,
          ratio: `${share.toFixed(2)}×`,
          target: `≥ ${leastShare}×`,
          held: share >= leastShare,
        }),
  };
}

function cpuRow(found: Found[]): Row {
  const shares = found.map(({ rounds }) => median(rounds.map(({ ours }) => ours)));
  return {
    what: 'of the machine’s cores, Redis, workers and this program with the most homes',
    ours: percent(Math.max(...shares)),
    target: `≤ ${percent(mostCpu)}`,
    held: Math.max(...shares) <= mostCpu,
  };
}
