import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createUnsignedRateLimit, wrongPerMinute } from '../../relay/http/unsigned-rate-limit.ts';
import { createBodies, mostParameters } from '../../relay/http/form.ts';
import { BadRequest } from '../../shared/twilio/bad-request.ts';
import { answerAndClose, runServer } from '../../relay/http/server.ts';
import { looksSigned } from '../../shared/twilio/signature.ts';
import { createSignedForms } from '../../relay/http/signed-form.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { until } from '../support/until.ts';

const formed = 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const log = createLog('test', 'silent');

type Door = {
  port: number;
  /**
   * The turn of the event loop in which each form was parsed and hashed; 0 where turns are not
   * counted.
   */
  checks: number[];
  /**
   * Sends bytes on a connection of its own and returns the status of the first answer, '' when it
   * is closed without one.
   */
  send: (bytes: string) => Promise<string>;
  /** The same, and keeps the connection. */
  open: (bytes: string) => Socket;
};

/**
 * The relay's way to a signed form, behind its server; the signature of nothing is right but of a
 * form that says so.
 */
async function withDoor(use: (door: Door) => Promise<void>, { turns = false } = {}): Promise<void> {
  const checks: number[] = [];
  let turn = 0;
  // To count them keeps a processor busy.
  let counting = turns;
  const count = (): void => {
    turn += 1;
    if (counting) setImmediate(count);
  };
  if (counting) count();
  // It stands still: a test that runs into the next minute would count anew.
  const now = (): number => 0;
  const unsignedRateLimit = createUnsignedRateLimit(1, log, now);
  const read = createSignedForms((_url, form) => {
    checks.push(turn);
    return form.get('right') === 'yes';
  }, unsignedRateLimit);
  const server = await runServer({
    port: 0,
    host: '127.0.0.1',
    now,
    unsignedRateLimit,
    listener: (request, response) => {
      read(request, request.url ?? '').then(
        () => response.end(),
        (error: unknown) => {
          if (!(error instanceof BadRequest)) throw error;
          if (error.status === 429) return answerAndClose(request, response, 429, {});
          request.resume();
          response.writeHead(error.status).end();
        },
      );
    },
  });
  const sockets: Socket[] = [];
  const open = (bytes: string): Socket => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write(bytes);
    sockets.push(socket);
    return socket;
  };
  try {
    await use({
      port: server.port,
      checks,
      open,
      send: async (bytes) => {
        const socket = open(bytes);
        const answer = await firstAnswer(socket);
        socket.destroy();
        return answer;
      },
    });
  } finally {
    counting = false;
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
}

function firstAnswer(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.includes('\r\n\r\n')) resolve(answer.slice(9, 12));
    });
    socket.once('close', () => resolve(''));
  });
}

type Post = { type?: string; signatures?: string[]; body?: string; length?: number; from?: string };

function post({
  type = 'application/x-www-form-urlencoded',
  signatures = [formed],
  body = '',
  length = body.length,
  from = '192.0.2.1',
}: Post): string {
  return `${['POST /webhook HTTP/1.1', 'Host: x', `Content-Type: ${type}`, `X-Forwarded-For: ${from}`, ...signatures.map((text) => `X-Twilio-Signature: ${text}`), `Content-Length: ${length}`].join('\r\n')}\r\n\r\n${body}`;
}

const parameters = (count: number): string =>
  Array.from({ length: count }, (_, index) => `p${index}=1`).join('&');

test('a form with too many parameters is refused before it is parsed, however they are separated, and one with 200 is looked at', async () => {
  await withDoor(async ({ checks, send }) => {
    for (const body of [
      parameters(mostParameters + 1),
      'a&'.repeat(32_000),
      '&'.repeat(mostParameters),
      ';'.repeat(mostParameters),
      'a=1;'.repeat(mostParameters),
      `${'x'.repeat(60_000)}${'&'.repeat(mostParameters)}`,
    ]) {
      expect(await send(post({ body })), `with ${body.slice(0, 20)}`).toBe('413');
    }
    const pieces = Array.from({ length: 10 }, () => `${'&a'.repeat(30)}`)
      .map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`)
      .join('');
    expect(
      await send(
        `${post({ body: '' }).replace('Content-Length: 0', 'Transfer-Encoding: chunked')}${pieces}0\r\n\r\n`,
      ),
    ).toBe('413');
    expect(checks).toHaveLength(0);
    expect(await send(post({ body: parameters(mostParameters) }))).toBe('403');
    expect(await send(post({ body: `${parameters(mostParameters - 1)}&right=yes` }))).toBe('200');
    expect(checks).toHaveLength(2);
  });
});

test('what has not the form of one signature is never parsed or hashed', async () => {
  const forms = [
    '',
    'A'.repeat(27),
    'A'.repeat(28),
    `${'A'.repeat(26)}==`,
    `${'A'.repeat(26)}B=`,
    `${'A'.repeat(27)}-`,
    `${'-'.repeat(27)}=`,
    ` ${'A'.repeat(26)}=`,
    'é'.repeat(14),
    `${formed}${formed}`,
  ];
  expect(forms.filter((text) => looksSigned(text))).toEqual([]);
  expect([looksSigned(undefined), looksSigned([formed]), looksSigned(formed)]).toEqual([
    false,
    false,
    true,
  ]);
  await withDoor(async ({ checks, send }) => {
    for (const signatures of [[], [formed, formed], ...forms.map((text) => [text])])
      expect(
        await send(post({ signatures, body: 'right=yes' })),
        `signed ${JSON.stringify(signatures)}`,
      ).toBe('403');
    expect(checks).toHaveLength(0);
  });
});

test('the answers come in the order 415, 413, 403', async () => {
  await withDoor(async ({ send }) => {
    const [many, large] = [parameters(300), 'x'.repeat(70_000)];
    for (const signatures of [[], ['x'], [formed]]) {
      for (const body of [many, large]) {
        expect(await send(post({ type: 'application/json', signatures, body }))).toBe('415');
        expect(await send(post({ signatures, body }))).toBe('413');
      }
      expect(await send(post({ signatures, body: 'a=1' }))).toBe('403');
    }
  });
});

test('large forms are checked one in a turn of the event loop, and a small one does not wait for them', async () => {
  await withDoor(
    async ({ checks, open, send }) => {
      const large = Array.from({ length: 40 }, (_, index) =>
        open(post({ body: `a=${'%'.repeat(60_000)}`, from: `198.51.100.${index}` }).slice(0, -1)),
      );
      const answers = large.map((socket) => firstAnswer(socket));
      expect(await send(post({ body: 'right=yes' }))).toBe('200');
      // All of them become whole in one turn.
      for (const socket of large) socket.write('%');
      expect(await send(post({ body: 'right=yes' }))).toBe('200');
      expect(new Set(await Promise.all(answers))).toEqual(new Set(['403']));
      expect(checks).toHaveLength(42);
      // At most the small one shares its turn with a large one.
      expect(new Set(checks).size).toBeGreaterThanOrEqual(40);
    },
    { turns: true },
  );
});

test('an address over its count hands its form over at once or is refused, and the connection is closed; what is signed passes', async () => {
  await withDoor(async ({ checks, send, open }) => {
    for (let round = 0; round < wrongPerMinute; round += 1)
      expect(await send(post({ body: 'a=1' }))).toBe('403');
    const before = checks.length;
    const closed = async (bytes: string): Promise<string> => {
      const socket = open(bytes);
      const ended = new Promise((resolve) => socket.once('close', resolve));
      const answer = await firstAnswer(socket);
      await ended;
      return answer;
    };
    // Without the form of a signature the body is not waited for, with it for a second.
    const order: string[] = [];
    const asked = [formed, 'x'].map((signature) =>
      open(post({ signatures: [signature], length: 60_000 })),
    );
    await Promise.all(
      asked.map(async (socket, index) =>
        order.push(`${index === 0 ? 'signed' : 'unsigned'} ${await firstAnswer(socket)}`),
      ),
    );
    expect(order).toEqual(['unsigned 429', 'signed 429']);
    expect(await closed(post({ signatures: ['x'], length: 60_000 }))).toBe('429');
    expect(await closed(post({ body: '&'.repeat(300) }))).toBe('429');
    expect(await closed(post({ type: 'application/json', body: '{}' }))).toBe('429');
    expect(
      await closed(`${post({}).replace('Content-Length: 0', 'Transfer-Encoding: chunked')}1\r\na`),
    ).toBe('429');
    expect(checks).toHaveLength(before);
    expect(await send(post({ body: 'right=yes' }))).toBe('200');
    expect(await send(post({ body: 'a=1', from: '192.0.2.2' }))).toBe('403');
  });
});

test('one read of a connection may bring a few requests; with more it is closed before they cost anything', async () => {
  await withDoor(async ({ checks, open }) => {
    const request = post({ body: 'right=yes' });
    const few = open(request.repeat(4));
    await until('their answers', () => checks.length === 4);
    expect(few.destroyed).toBe(false);
    const many = open(request.repeat(300));
    await new Promise((resolve) => many.once('close', resolve));
    // A connection brings its bytes in reads of at most 64 kB, each with 8 requests.
    expect(checks.length).toBeLessThanOrEqual(4 + 8);
  });
});

test('a body in crumbs is cut off, and after three of them its address sends nothing in chunks for this minute', async () => {
  await withDoor(async ({ checks, open, send }) => {
    const crumbs = `${post({}).replace('Content-Length: 0', 'Transfer-Encoding: chunked')}${'1\r\na\r\n'.repeat(5000)}0\r\n\r\n`;
    for (let round = 0; round < 3; round += 1) {
      const socket = open(crumbs);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect(checks).toHaveLength(0);
    const chunked = post({}).replace('Content-Length: 0', 'Transfer-Encoding: chunked');
    expect(await send(`${chunked}9\r\nright=yes\r\n0\r\n\r\n`)).toBe('429');
    expect(checks).toHaveLength(0);
    expect(
      await send(`${chunked.replace('192.0.2.1', '192.0.2.2')}9\r\nright=yes\r\n0\r\n\r\n`),
    ).toBe('200');
    expect(await send(post({ body: 'right=yes' }))).toBe('200');
    // Thirty of them in a minute, wherever they come from, and a body in chunks is refused from any
    // address.
    for (let round = 3; round < 30; round += 1) {
      const socket = open(crumbs.replace('192.0.2.1', `198.51.100.${round}`));
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect(
      await send(`${chunked.replace('192.0.2.1', '203.0.113.1')}9\r\nright=yes\r\n0\r\n\r\n`),
    ).toBe('429');
    expect(await send(post({ body: 'right=yes', from: '203.0.113.1' }))).toBe('200');
  });
});

test('all bodies together have so much room: the one that takes longest gives way, and a short one always fits', async () => {
  const bodies = createBodies(150_000);
  const outcomes: string[] = [];
  const unsignedRateLimit = createUnsignedRateLimit(0, log);
  const server = await runServer({
    port: 0,
    host: '127.0.0.1',
    unsignedRateLimit,
    listener: (request, response) => {
      const name = request.url ?? '';
      bodies
        .read(request, { keep: true })
        .then(
          ({ body, release }) => {
            release();
            return outcomes.push(`${name} ${body.length}`);
          },
          (error: unknown) =>
            outcomes.push(`${name} ${error instanceof BadRequest ? error.status : String(error)}`),
        )
        .finally(() => response.end());
    },
  });
  const sockets = ['/first', '/second', '/third'].map((path) => ({
    path,
    socket: connect(server.port, '127.0.0.1'),
  }));
  try {
    for (const [index, { path, socket }] of sockets.entries()) {
      socket.on('error', () => undefined);
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n`,
      );
      await new Promise((resolve) => socket.write('x'.repeat(50_000), resolve));
      await until(`what ${path} brought`, () => index < 2 || outcomes.length === 1);
    }
    expect(outcomes).toEqual(['/first 503']);
    const response = await fetch(`http://127.0.0.1:${server.port}/short`, {
      method: 'POST',
      body: 'x'.repeat(4000),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect(response.status).toBe(200);
    expect(outcomes).toEqual(['/first 503', '/short 4000']);
    for (const { socket } of sockets.slice(1)) socket.write('x'.repeat(10_000));
    await until('the others', () => outcomes.length === 4);
    expect(outcomes.slice(2).toSorted()).toEqual(['/second 60000', '/third 60000']);
  } finally {
    for (const { socket } of sockets) socket.destroy();
    await server.stop();
  }
});
