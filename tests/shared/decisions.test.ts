import { expect, test } from 'vitest';
import { createAllowList } from '../../relay/people/allow-list.ts';
import type { AllowList } from '../../relay/people/allow-list.ts';
import { createAllowed } from '../../shared/store/allowed.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import {
  createDecisions,
  invitationMs,
  mostInvitations,
} from '../../shared/store/people/decisions.ts';
import type { Decided, Decision } from '../../shared/store/people/decisions.ts';
import { createLinks } from '../../shared/store/links/links.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { createTurns } from '../../shared/store/queues.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { newSid } from '../support/relay-bench.ts';
import { withRedis } from '../support/redis.ts';

const [owner, ann, bob] = ['+15551230001', '+15551230002', '+5511987654321'];
const bobsOther = '+551187654321';
const start = Date.parse('2026-11-30T09:00:00.000Z');

type Bench = {
  redis: Redis;
  /** Asks, and decides with a tap of its own. */
  decide(kind: Decision['kind'], address: string, isAgreed?: boolean): Promise<Decided['outcome']>;
  /** A relay that starts with these numbers, and has published them. */
  relay(...listed: string[]): Promise<AllowList>;
  words(address: string): Promise<string | undefined>;
  pass(ms: number): void;
  /** Whether a message of the person is taken in now. */
  write(address: string): Promise<string>;
};

async function withDecisions(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    let [now, relays] = [start, 0];
    const [decisions, turns] = [createDecisions(redis, () => now), createTurns(redis)];
    const bench: Bench = {
      redis,
      words: createAllowed(redis).words,
      pass: (ms) => void (now += ms),
      async decide(kind, address, isAgreed = true) {
        const token = await decisions.ask({ kind, address });
        return (await decisions.decide(token, newSid(), isAgreed, owner)).outcome;
      },
      async relay(...allowed) {
        relays += 1;
        const uptimeMs = 100_000 - relays * 1000;
        const list = createAllowList({
          redis,
          allowed,
          owner,
          log: createLog('test', 'silent'),
          uptimeMs: () => uptimeMs,
        });
        await list.publish();
        return list;
      },
      async write(address) {
        const sender = { address, conversation: address, proven: [], rivals: [] };
        const at = new Date(now).toISOString();
        const message = { id: newSid(), conversation: address, at, text: 'hello', media: [] };
        return (await createIntake(turns)(message, sender)).outcome;
      },
    };
    await bench.relay(owner);
    await use(bench);
    await turns.close();
  });
}

test('an invited person may write, in both spellings of the number, whatever later relays have in their variable', async () => {
  await withDecisions(async ({ decide, relay, words, write }) => {
    const before = await relay(owner);
    expect(await write(bob)).toBe('refused');
    expect(await decide('invite', bob, false)).toBe('cancelled');
    expect(await write(bob)).toBe('refused');
    expect(await decide('invite', bob)).toBe('done');
    expect(await words(bob)).toBe(
      `allowed since 2026-11-30T09:00:00.000Z, invited by ${owner} until 2026-12-07T09:00:00.000Z`,
    );
    for (const address of [bob, bobsOther])
      expect([await before.refresh([address]), before.current()]).toEqual([
        address === bob,
        [owner, bob],
      ]);
    expect(await write(bob)).toBe('new');
    expect(await words(bob)).toBe(`allowed since 2026-11-30T09:00:00.000Z, invited by ${owner}`);
    expect((await relay(owner)).current()).toEqual([owner, bob]);
    expect(await words(bobsOther)).toContain(`as the other spelling of ${bob}`);
    expect(await decide('invite', bob)).toBe('already');
    expect(await decide('invite', owner)).toBe('already');
    expect(await decide('remove', bob)).toBe('done');
    expect(await words(bobsOther)).toMatch(/^removed .* in the chat$/);
  });
});

test('an invitation that is not used within a week ends, and can be renewed; so many may wait', async () => {
  await withDecisions(async ({ decide, pass, words, write }) => {
    expect(await decide('invite', ann)).toBe('done');
    pass(invitationMs + 1);
    expect(await write(ann)).toBe('refused');
    expect(await words(ann)).toMatch(/^removed .*, as the invitation expired$/);
    expect(await decide('invite', ann)).toBe('done');
    pass(invitationMs / 2);
    expect(await decide('invite', ann)).toBe('done');
    pass(invitationMs - 1);
    for (let count = 1; count < mostInvitations; count += 1)
      expect(await decide('invite', `+1555000${1000 + count}`)).toBe('done');
    expect(await decide('invite', '+15550002000')).toBe('many');
    expect(await write(ann)).toBe('new');
    expect(await decide('invite', '+15550002000')).toBe('done');
    pass(invitationMs + 1);
    expect(await write(ann)).toBe('new');
  });
});

test('a removal outlives relays that still list the number, until the owner invites again', async () => {
  await withDecisions(async ({ decide, relay, words, write }) => {
    const present = await relay(owner, ann);
    expect(await write(ann)).toBe('new');
    expect(await decide('remove', ann)).toBe('done');
    expect(await words(ann)).toBe(`removed 2026-11-30T09:00:00.000Z, by ${owner} in the chat`);
    expect(await write(ann)).toBe('refused');
    await present.publish();
    expect(present.current()).toEqual([owner]);
    expect((await relay(owner, ann)).current()).toEqual([owner]);
    expect(await write(ann)).toBe('refused');
    expect(await decide('remove', ann)).toBe('unknown');
    expect(await decide('invite', ann)).toBe('done');
    expect((await relay(owner)).current()).toEqual([owner, ann]);
    expect(await write(ann)).toBe('new');
  });
});

test('whom the variable makes the owner may write, whatever the earlier owner has decided', async () => {
  await withDecisions(async ({ redis, decide, relay, words }) => {
    await relay(owner, ann);
    expect(await decide('remove', ann)).toBe('done');
    const list = createAllowList({
      redis,
      allowed: [owner, ann],
      owner: ann,
      log: createLog('test', 'silent'),
    });
    await list.publish();
    expect(list.current()).toEqual([owner, ann]);
    expect(await words(ann)).toMatch(/^allowed since/);
  });
});

test('a removed person is removed with all addresses: what waits is set aside, and their links are gone', async () => {
  await withDecisions(async ({ redis, decide, relay, words, write }) => {
    const [people, links] = [createPeopleStore(redis), createLinks(redis)];
    await relay(owner, bob, 'US.1');
    for (const address of [bob, 'US.1', owner]) await write(address);
    const [id] = [await people.idOf(bob), await people.idOf('US.1')];
    await proveAddresses(redis, bob, 'US.1');
    for (const person of [await people.idOf(bob), bob, await people.idOf(owner)])
      await links.add({ purpose: 'secret', person, object: 'T', detail: '', uses: 1 });
    expect(await decide('remove', bobsOther)).toBe('done');
    for (const address of [bob, bobsOther, 'US.1'])
      expect(await words(address)).toMatch(/^removed .* in the chat$/);
    expect(await redis.exists(keys.inbox(bob), keys.inbox('US.1'))).toBe(0);
    expect(await redis.llen(keys.setAsideMessages(bob))).toBe(2);
    expect(await redis.llen(keys.setAsideMessages('US.1'))).toBe(1);
    expect([await links.list(id), await links.list(bob)]).toEqual([[], []]);
    expect((await people.of(bob)).allowed).toMatch(/^removed .* in the chat$/);
    expect(await redis.llen(keys.inbox(owner))).toBe(1);
    expect(await links.list(await people.idOf(owner))).toHaveLength(1);
  });
});

test('who is listed in both spellings is removed in both, also by another address', async () => {
  await withDecisions(async ({ redis, decide, relay, words }) => {
    await relay(owner, bob, bobsOther, ann);
    expect(await decide('remove', bobsOther)).toBe('done');
    await relay(owner, bob, bobsOther, ann);
    for (const address of [bob, bobsOther])
      expect(await words(address)).toMatch(/^removed .* in the chat$/);
    expect(await words(ann)).toMatch(/^allowed/);
    expect(await decide('invite', bob)).toBe('done');
    const decisions = createDecisions(redis);
    await redis.hset(keys.allowed, bobsOther, 'allowed since the beginning, by a relay');
    const token = await decisions.ask({ kind: 'remove', address: 'US.1' }, ['US.1', bob]);
    expect((await decisions.decide(token, newSid(), true, owner)).outcome).toBe('done');
    expect(await words(bobsOther)).toMatch(/^removed .* in the chat$/);
  });
});

test('a question of an earlier version, which names no other spelling, removes both', async () => {
  await withDecisions(async ({ redis, decide, words }) => {
    expect(await decide('invite', bob)).toBe('done');
    const decisions = createDecisions(redis);
    const token = await decisions.ask({ kind: 'remove', address: bob });
    await redis.hset(keys.personQuestion(token), 'spelling', '');
    expect((await decisions.decide(token, newSid(), true, owner)).outcome).toBe('done');
    for (const address of [bob, bobsOther])
      expect(await words(address)).toMatch(/^removed .* in the chat$/);
  });
});

test('the owner cannot be removed, not even by another address of theirs', async () => {
  await withDecisions(async ({ redis, decide, words, write }) => {
    await createPeopleStore(redis).idOf(owner);
    await proveAddresses(redis, owner, 'US.1');
    for (const address of [owner, 'US.1']) expect(await decide('remove', address)).toBe('owner');
    expect(await words(owner)).toMatch(/^allowed/);
    expect(await write(owner)).toBe('new');
  });
});

test('a question is decided by the first tap: another one changes nothing, the same one says the same', async () => {
  await withDecisions(async ({ redis, words }) => {
    const decisions = createDecisions(redis);
    const token = await decisions.ask({ kind: 'invite', address: ann });
    const [first, second] = [newSid(), newSid()];
    expect(await decisions.decide(token, first, false, owner)).toMatchObject({
      outcome: 'cancelled',
    });
    expect(await decisions.decide(token, second, true, owner)).toMatchObject({ outcome: 'used' });
    expect(await decisions.decide(token, first, true, owner)).toMatchObject({
      outcome: 'cancelled',
    });
    expect(await words(ann)).toBeUndefined();
    expect(await redis.ttl(keys.personQuestion(token))).toBeGreaterThan(0);
    await redis.del(keys.personQuestion(token));
    expect(await decisions.decide(token, first, true, owner)).toEqual({ outcome: 'gone' });
  });
});
