import { readFileSync, readdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runPeopleCommand } from '../../relay/people/restore-command.ts';
import type { PeopleOptions } from '../../relay/people/options.ts';
import type { PersonAddress } from '../../shared/runtime/person-address.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Loss } from './file-verdict.ts';
import type { Member } from './member.ts';

/** A home: a machine with a disk and one worker. */
export type Machine = { name: string; dataDir: string; worker: Member };

/**
 * What befalls several homes, by their places. Each resolves when it is over; false when it could
 * not happen.
 */
export type FleetTroubles = {
  /** Moves a person with the operator's command, to this home or another one that takes them. */
  move(phone: string, home: number): Promise<boolean>;
  /** Empties a home with the operator's command, and gives it people again after this time (ms). */
  drain(home: number, ms: number): Promise<boolean>;
  /** Kills the next tar of a snapshot, within this time (ms). */
  killTar(ms: number): Promise<boolean>;
  /** Kills a home's worker; its machine comes back with an empty disk. */
  wipe(home: number, restartMs: number): Promise<boolean>;
  /** Kills a home's worker; its machine comes back after this time (ms), perhaps with an empty disk. */
  die(home: number, ms: number, isWiped: boolean): Promise<boolean>;
  /** The disks that were lost, and whose files were on them. */
  losses: readonly Loss[];
  /** The periods (ms since 1970) in which people were moved. */
  moves: readonly { from: number; to: number; phone: string | undefined }[];
  stop(): void;
};

export type FleetTroublesDeps = {
  redisUrl: string;
  machines: readonly Machine[];
  conversations: readonly string[];
  log: Log;
};

/** How long a command of the operator's is waited for (ms); it goes on without it. */
const commandPatience = 90_000;
/** How long a machine that is down is waited for (ms). */
const downPatience = 60_000;
/** How long a person's first message is waited for (ms). */
const firstPatience = 15_000;
/** How long Redis may take to tell who is on a lost disk (ms). */
const whoPatience = 10_000;
/** The pause between two looks at the processes, and before a command is repeated (ms). */
const [lookMs, againMs] = [60, 300];

export function createFleetTroubles({
  redisUrl,
  machines,
  conversations,
  log,
}: FleetTroublesDeps): FleetTroubles {
  const redis = connectRedis(redisUrl, 'patient', log);
  const losses: Loss[] = [];
  const moves: { from: number; to: number; phone: string | undefined }[] = [];
  const stopping = new AbortController();

  const command = async (options: PeopleOptions): Promise<boolean> => {
    const running = runPeopleCommand(options, { redis, say: () => undefined, everyMs: 100 }).then(
      () => true,
      (error: unknown) => {
        log.info({ err: error, action: options.action }, 'a command was refused');
        return false;
      },
    );
    return await Promise.race([running, sleep(commandPatience, false, { ref: false })]);
  };
  const during = async (phone: string | undefined, act: () => Promise<boolean>) => {
    const period = { from: Date.now(), to: Infinity, phone };
    moves.push(period);
    const isDone = await act();
    period.to = Date.now();
    return isDone;
  };
  /** Where each person's conversation is, by the homes' names; undefined if Redis does not say. */
  const whereabouts = async (): Promise<Map<string, string> | undefined> => {
    const read = async (): Promise<Map<string, string>> => {
      const first = (await redis.get(keys.firstHome)) ?? '';
      const homes = await Promise.all(
        conversations.map((phone) => redis.hget(keys.conversation(phone), 'home')),
      );
      return new Map(conversations.map((phone, index) => [phone, homes[index] ?? first]));
    };
    return await Promise.race([
      read().catch(() => undefined),
      sleep(whoPatience, undefined, { ref: false }),
    ]);
  };
  /** Waits a while for a person's first message: who has not written is not moved. */
  const untilWritten = async (phone: string): Promise<void> => {
    const people = createPeopleStore(redis);
    const end = Date.now() + firstPatience;
    while (Date.now() < end && !(await people.find(phone).catch(() => undefined)))
      await sleep(againMs);
  };
  /** The other homes of a person, this one first. */
  const elsewhere = async (phone: string, home: number): Promise<string[]> => {
    const now = (await whereabouts())?.get(phone);
    const names = machines.map(({ name }) => name);
    return [...names.slice(home), ...names.slice(0, home)].filter((name) => name !== now);
  };
  const wipeDisk = async ({ dataDir }: Machine): Promise<void> => {
    // What the killed worker has started may still write.
    const isEmpty = async (): Promise<boolean> =>
      (await readdir(dataDir).catch(() => [])).length === 0;
    do await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    while (!(await isEmpty()));
  };
  const lose = async (machine: Machine, restartMs: number, isWiped: boolean): Promise<boolean> => {
    let at = 0;
    let before: Map<string, string> | undefined;
    const crash = async (): Promise<boolean> =>
      await machine.worker.crash(restartMs, async () => {
        at = Date.now();
        before = await whereabouts();
        if (isWiped) await wipeDisk(machine);
      });
    // It may just be down for another reason.
    const end = Date.now() + downPatience;
    while (!(await crash())) {
      if (Date.now() > end || stopping.signal.aborted) return false;
      await sleep(againMs);
    }
    const after = await whereabouts();
    // Those of a disk that is as it was have their files, unless they have another home by now.
    const isLost = (phone: string): boolean =>
      before === undefined ||
      (before.get(phone) === machine.name && (isWiped || after?.get(phone) !== machine.name));
    losses.push({ at, phones: new Set(conversations.filter(isLost)) });
    return true;
  };
  const disks = machines.map(({ dataDir }) => `--directory=${path.join(dataDir, 'people')}/`);
  const isTar = (pid: string): boolean => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const isOurs = words.some((word) => disks.some((disk) => word.startsWith(disk)));
      return isOurs && words[0] === 'tar' && words.includes('--create');
    } catch {
      return false;
    }
  };
  // At once: a tar lives for less than a second.
  const findTar = (): number | undefined => {
    const found = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isTar(name));
    return found === undefined ? undefined : Number(found);
  };

  return {
    move: async (phone, home) =>
      await during(phone, async () => {
        await untilWritten(phone);
        // The run's phones are numbers as the product writes them.
        const address = phone as PersonAddress;
        // One may be dead or full, or just be emptied.
        for (const to of await elsewhere(phone, home))
          if (await command({ action: 'move', address, to })) return true;
        return false;
      }),
    drain: async (home, ms) => {
      const name = machines[home]?.name ?? '';
      const isDone = await during(undefined, async () => {
        const isEmptied = await command({ action: 'drain', home: name, isUndone: false });
        await sleep(ms);
        return isEmptied;
      });
      while (
        !stopping.signal.aborted &&
        !(await command({ action: 'drain', home: name, isUndone: true }))
      )
        await sleep(againMs);
      return isDone;
    },
    async killTar(ms) {
      for (
        const end = Date.now() + ms;
        Date.now() < end && !stopping.signal.aborted;
        await sleep(lookMs)
      ) {
        const pid = findTar();
        if (pid === undefined) continue;
        try {
          process.kill(pid, 'SIGKILL');
          return true;
        } catch {
          // It has just ended.
        }
      }
      return false;
    },
    wipe: async (home, restartMs) => {
      const machine = machines[home];
      return machine !== undefined && (await lose(machine, restartMs, true));
    },
    die: async (home, ms, isWiped) => {
      const machine = machines[home];
      return machine !== undefined && (await during(undefined, () => lose(machine, ms, isWiped)));
    },
    losses,
    moves,
    stop() {
      stopping.abort();
      redis.disconnect();
    },
  };
}
