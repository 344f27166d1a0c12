/**
 * The paging fields of a 2010 API list that fits on one page. @param uri the list's path. @param
 * count its length.
 */
export function formatSinglePage(uri: string, count: number): object {
  const end = Math.max(0, count - 1);
  return {
    page: 0,
    page_size: 50,
    start: 0,
    end,
    uri,
    first_page_uri: uri,
    next_page_uri: null,
    previous_page_uri: null,
  };
}

/**
 * The `meta` of a newer API's list that fits on one page. @param url the list's address. @param key
 * where its items are.
 */
export function formatSinglePageMeta(url: string, key: string): object {
  return {
    page: 0,
    page_size: 50,
    first_page_url: url,
    previous_page_url: null,
    url,
    next_page_url: null,
    key,
  };
}
