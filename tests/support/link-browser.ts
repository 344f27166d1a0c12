/** A browser at a link: it keeps the cookie of the page, and follows nothing by itself. */
export type LinkBrowser = {
  get(url: string, method?: 'GET' | 'HEAD'): Promise<Response>;
  post(url: string, fields: Record<string, string>, headers?: HeadersInit): Promise<Response>;
};

export function createLinkBrowser(): LinkBrowser {
  let cookie = '';
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (cookie !== '') headers.set('Cookie', cookie);
    const response = await fetch(url, { redirect: 'manual', ...init, headers });
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    return response;
  };
  return {
    get: (url, method = 'GET') => send(url, { method }),
    post: (url, fields, headers = {}) =>
      send(url, { method: 'POST', body: new URLSearchParams(fields), headers }),
  };
}
