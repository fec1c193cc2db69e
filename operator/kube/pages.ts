import type { ApiReader, RequestOptions } from './api';
import type { Query } from './transport';
import type { KubeObject, ListPage } from './types';

/** The pages of one snapshot of a collection, read as they are asked for. */
export async function* pages<T extends KubeObject>(
  client: Pick<ApiReader, 'list'>,
  path: string,
  query: Query & { limit: number },
  options?: RequestOptions,
): AsyncGenerator<ListPage<T>> {
  let next: string | undefined;
  do {
    const page = await client.list<T>(path, { ...query, continue: next }, options);
    next = page.metadata.continue || undefined;
    // Null, and not an empty list, is what Go makes of a slice nobody filled.
    yield { ...page, items: page.items ?? [] };
  } while (next !== undefined);
}

/** Everything `query` selects. */
export async function listAll<T extends KubeObject>(
  client: Pick<ApiReader, 'list'>,
  path: string,
  query: Query,
): Promise<T[]> {
  const all: T[] = [];
  for await (const { items } of pages<T>(client, path, { ...query, limit: 500 })) all.push(...items);
  return all;
}
