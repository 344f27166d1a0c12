import { expect, test } from 'vitest';
import { createPeople } from '../../relay/people/people.ts';
import type { People } from '../../relay/people/people.ts';

const [number, userId, other] = ['+15551230001', 'US.13491208655302741918', '+15551230002'];

/**
 * People with aliases that lie in a map, as Redis has them; `asked` are the addresses that were
 * looked up there.
 */
function peopleOf(
  allowed: string[],
  known: Record<string, string> = {},
): { people: People; stored: Map<string, string>; asked: string[]; restart: () => void } {
  const stored = new Map(Object.entries(known));
  const learned = new Map<string, string>();
  const asked: string[] = [];
  const people = createPeople(allowed, {
    known: (address) => learned.get(address),
    async find(address) {
      asked.push(address);
      const found = stored.get(address);
      if (found !== undefined) learned.set(address, found);
      return found;
    },
    learn(address, conversation) {
      learned.set(address, conversation);
      stored.set(address, conversation);
    },
    async forget(address) {
      learned.delete(address);
      stored.delete(address);
    },
  });
  return { people, stored, asked, restart: () => learned.clear() };
}

/** Takes a message in as the relay does; returns its conversation. */
async function write(people: People, ...addresses: string[]): Promise<string | undefined> {
  const sender = await people.identify(addresses);
  if (sender) people.note(sender);
  return sender?.conversation;
}

test('a webhook that names both addresses makes them one person, and each alone is that person afterwards', async () => {
  for (const allowed of [[number], [userId], [number, userId], [userId, number]]) {
    const { people, restart, asked } = peopleOf(allowed);
    const own = allowed.includes(number) ? number : userId;
    expect(await write(people, number, userId)).toBe(own);
    expect(await write(people, userId, number)).toBe(own);
    expect([await write(people, userId), await write(people, number)]).toEqual([own, own]);
    expect(asked).toEqual([]);
    restart();
    // What is allowed by itself is looked up by the script that stores the message; what is not,
    // here.
    const others = [number, userId].filter((address) => !allowed.includes(address));
    expect(await Promise.all(others.map((address) => write(people, address)))).toEqual(
      others.map(() => own),
    );
    expect(asked).toEqual(others);
  }
});

test('an address that may not write gets no access by what it says of itself', async () => {
  const { people, stored } = peopleOf([number]);
  for (const addresses of [[userId], [other], [other, userId], [userId, other]])
    expect(await write(people, ...addresses), `of ${addresses.join()}`).toBeUndefined();
  expect([...stored]).toEqual([]);
});

test('an alias counts only while its person may write, and a webhook that contradicts it ends it', async () => {
  expect(await write(peopleOf([other], { [userId]: number }).people, userId)).toBeUndefined();
  const { people, stored } = peopleOf([number], { [userId]: number });
  expect(await write(people, userId)).toBe(number);
  // The user id is a stranger's now: a number that may not write comes with it.
  expect(await write(people, userId, other)).toBeUndefined();
  expect([...stored]).toEqual([]);
  expect(await write(people, userId)).toBeUndefined();
  // A number that was known by an allowed user id comes with another id: it has another owner.
  const moved = peopleOf([userId], { [number]: userId });
  expect(await write(moved.people, number, 'US.99999999')).toBeUndefined();
  expect(await write(moved.people, number)).toBeUndefined();
});

test('a number that may write is never led into another’s conversation', async () => {
  const { people, stored } = peopleOf([number, other], { [other]: number, [userId]: number });
  expect(await write(people, other)).toBe(other);
  expect(await write(people, other, userId)).toBe(other);
  expect(stored.get(userId)).toBe(other);
  expect(await write(people, userId)).toBe(other);
});

test('both spellings of a number are one person, named as the list has it, whoever is listed', async () => {
  for (const [long, short] of [
    ['+5511987654321', '+551187654321'],
    ['+5215512345678', '+525512345678'],
    ['+5491123456789', '+541123456789'],
  ] as const) {
    for (const listed of [[long], [short], [long, short], [short, long]]) {
      const { people } = peopleOf(listed);
      expect(
        [await write(people, long), await write(people, short)],
        `of ${listed.join()}`,
      ).toEqual([listed[0], listed[0]]);
      expect((await people.identify([short]))?.address).toBe(short);
      expect(await write(people, userId, long === listed[0] ? short : long)).toBe(listed[0]);
    }
  }
  expect(await write(peopleOf(['+5511987654321']).people, '+5521987654321')).toBeUndefined();
});

test('where both spellings are listed, the conversation that is there already is gone on with', async () => {
  const { people } = peopleOf(['+5511987654321', '+551187654321']);
  const sender = await people.identify(['+551187654321']);
  expect(sender).toMatchObject({ conversation: '+5511987654321', rivals: ['+551187654321'] });
  const moved = people.move(
    {
      address: '+551187654321',
      proven: [],
      ...sender,
      conversation: '+5511987654321',
      rivals: ['+551187654321'],
    },
    '+551187654321',
  );
  expect(moved).toMatchObject({ conversation: '+551187654321', rivals: [] });
  people.note(moved);
  expect([await write(people, '+551187654321'), await write(people, '+5511987654321')]).toEqual([
    '+551187654321',
    '+551187654321',
  ]);
});

test('who is refused by a digit is told apart from a stranger', () => {
  const { people } = peopleOf(['+4401632960123', '+5511954321234', userId]);
  expect([
    people.nearTo('+441632960123'),
    people.nearTo('+551154321234'),
    people.nearTo(other),
    people.nearTo('US.13491208655302741919'),
  ]).toEqual(['+4401632960123', '+5511954321234', undefined, undefined]);
});
