import type { RelayBench } from './relay-bench.ts';
import { password } from './pipeline.ts';

/** A person who is signed in to the dashboard, without a browser. */
export type AdminClient = {
  get(path: string): Promise<{ status: number; text: string; headers: Headers }>;
  /** Posts a form from a page of the relay's, with these headers in addition. */
  post(
    path: string,
    fields?: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<{ status: number; text: string; location: string | null }>;
  /** The token that the forms of a page carry. */
  token(path?: string): Promise<string>;
  cookie: string;
};

export async function signIn({ relayUrl }: Pick<RelayBench, 'relayUrl'>): Promise<AdminClient> {
  const answer = await fetch(`${relayUrl}/admin/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ password }),
    redirect: 'manual',
  });
  const cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');
  const get = async (path: string): Promise<{ status: number; text: string; headers: Headers }> => {
    const response = await fetch(relayUrl + path, {
      headers: { Cookie: cookie, Accept: 'text/html' },
      redirect: 'manual',
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  return {
    get,
    cookie,
    async post(path, fields = {}, headers = {}) {
      const response = await fetch(relayUrl + path, {
        method: 'POST',
        body: new URLSearchParams(fields),
        redirect: 'manual',
        headers: { Cookie: cookie, Origin: relayUrl, ...headers },
      });
      return {
        status: response.status,
        text: await response.text(),
        location: response.headers.get('location'),
      };
    },
    token: async (path = '/admin') =>
      /name="token" value="([^"]+)"/.exec((await get(path)).text)?.[1] ?? '',
  };
}
