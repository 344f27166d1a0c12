import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createMediaFetch } from '../../shared/twilio/media.ts';
import type { MediaFetch } from '../../shared/twilio/media.ts';

const never = new AbortController().signal;

type Asked = { path: string; authorization: string | undefined };
type Site = { url: string; asked: Asked[] };

async function withSite(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (site: Site) => Promise<void>,
): Promise<void> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', authorization: request.headers.authorization });
    answer(request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    await use({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const fetchFrom = (apiUrl: string, pausesMs: number[] = []): MediaFetch =>
  createMediaFetch({ accountSid: 'AC1', authToken: 'token', apiUrl, pausesMs });
const basic = `Basic ${Buffer.from('AC1:token').toString('base64')}`;
const redirect = (response: ServerResponse, location: string): void =>
  void response.writeHead(302, { Location: location }).end();

test('the credentials go with the first request alone, which is the API’s, also when its address stands for Twilio’s', async () => {
  await withSite(
    (request, response) =>
      request.url === '/stored' ? response.end('bytes') : redirect(response, '/stored'),
    async ({ url, asked }) => {
      const fetchMedia = fetchFrom(url);
      expect((await fetchMedia(`${url}/Media/ME1`, never)).toString()).toBe('bytes');
      expect((await fetchMedia('https://api.twilio.com/Media/ME2', never)).toString()).toBe(
        'bytes',
      );
      expect(asked).toEqual([
        { path: '/Media/ME1', authorization: basic },
        { path: '/stored', authorization: undefined },
        { path: '/Media/ME2', authorization: basic },
        { path: '/stored', authorization: undefined },
      ]);
    },
  );
});

describe('an address that is not Twilio’s is not asked', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://localhost:6379/',
    'https://api.twilio.com.example.com/Media',
    'https://user@example.com/',
    'file:///etc/passwd',
    'data:text/plain,hello',
  ])('%s', async (address) => {
    await withSite(
      (_request, response) => response.end('secret'),
      async ({ url, asked }) => {
        await expect(fetchFrom(url)(address, never)).rejects.toThrow('its address is not Twilio’s');
        expect(asked).toEqual([]);
      },
    );
  });
});

describe('a redirect goes to Twilio’s hosts only', () => {
  test.each([
    'http://media.twiliocdn.com/ME1',
    'https://eviltwiliocdn.com/ME1',
    'https://twiliocdn.com.example.com/ME1',
    'https://s3.amazonaws.com/ME1',
    'https://evil-s3-external-1.amazonaws.com/ME1',
    'http://127.0.0.1:1/',
    'http://[::1]:1/',
    'file:///etc/passwd',
    '//169.254.169.254/',
  ])('not to %s', async (location) => {
    await withSite(
      (_request, response) => redirect(response, location),
      async ({ url, asked }) => {
        await expect(fetchFrom(url)(`${url}/Media/ME1`, never)).rejects.toThrow(
          'redirected to a host that is not Twilio’s',
        );
        expect(asked).toHaveLength(1);
      },
    );
  });

  test('not to another server of the same machine', async () => {
    await withSite(
      (_request, response) => response.end('secret'),
      async (other) => {
        await withSite(
          (_request, response) => redirect(response, `${other.url}/`),
          async ({ url }) => {
            await expect(fetchFrom(url)(`${url}/Media/ME1`, never)).rejects.toThrow('not Twilio’s');
            expect(other.asked).toEqual([]);
          },
        );
      },
    );
  });
});

test('three redirects are followed, a fourth is not', async () => {
  const hop =
    (last: number) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      const at = Number(request.url?.slice(1));
      if (at === last) response.end('bytes');
      else redirect(response, `/${at + 1}`);
    };
  await withSite(hop(3), async ({ url }) =>
    expect((await fetchFrom(url)(`${url}/0`, never)).toString()).toBe('bytes'),
  );
  await withSite(hop(4), async ({ url, asked }) => {
    await expect(fetchFrom(url)(`${url}/0`, never)).rejects.toThrow('it was redirected too often');
    expect(asked).toHaveLength(4);
  });
});

test('no more than 16 MB are read, whatever the answer says of its length', async () => {
  const most = 16 * 1024 * 1024;
  const piece = Buffer.alloc(1024 * 1024);
  const send =
    (bytes: number) =>
    (_request: IncomingMessage, response: ServerResponse): void => {
      for (let left = bytes; left > 0; left -= piece.byteLength)
        response.write(piece.subarray(0, Math.min(left, piece.byteLength)));
      response.end();
    };
  await withSite(send(most), async ({ url }) =>
    expect((await fetchFrom(url)(`${url}/ME1`, never)).byteLength).toBe(most),
  );
  await withSite(send(most + 1), async ({ url, asked }) => {
    await expect(fetchFrom(url, [1])(`${url}/ME1`, never)).rejects.toThrow(
      'it has more than 16 MB',
    );
    // Another attempt would not make it smaller.
    expect(asked).toHaveLength(1);
  });
});

test('a file that is a moment late is asked for again, and an end of the turn ends the waiting', async () => {
  let times = 0;
  const late = (_request: IncomingMessage, response: ServerResponse): void => {
    times += 1;
    if (times === 3) response.end('bytes');
    else response.writeHead(404).end();
  };
  await withSite(late, async ({ url }) =>
    expect((await fetchFrom(url, [1, 1])(`${url}/ME1`, never)).toString()).toBe('bytes'),
  );
  await withSite(
    (_request, response) => response.writeHead(500).end(),
    async ({ url, asked }) => {
      await expect(fetchFrom(url, [1])(`${url}/ME1`, never)).rejects.toThrow(
        'Twilio did not hand it out',
      );
      expect(asked).toHaveLength(2);
      const stop = new AbortController();
      const stopped = fetchFrom(url, [600_000])(`${url}/ME1`, stop.signal);
      setTimeout(() => stop.abort(new Error('stopped')), 50);
      await expect(stopped).rejects.toThrow('stopped');
    },
  );
});
