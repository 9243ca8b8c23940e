/** Pages are routed by the `#` fragment, so that the server serves one page and a reload stays on it. */
import { useSyncExternalStore } from 'react';

type PageRoute =
  | { readonly page: 'overview' }
  | { readonly page: 'new' }
  | { readonly page: 'events' }
  | { readonly page: 'task'; readonly id: string };

export const routeOf = (hash: string): PageRoute => {
  const [, first, second] = /^#\/([a-z]*)(?:\/([a-z0-9_]+))?$/.exec(hash) ?? [];
  if (first === 'new' || first === 'events') return { page: first };
  if (first === 'tasks' && second !== undefined) return { page: 'task', id: second };
  return { page: 'overview' };
};

export const taskAddress = (id: string): string => `#/tasks/${encodeURIComponent(id)}`;

export const useRoute = (): PageRoute => routeOf(useSyncExternalStore(watch, () => location.hash));

const watch = (onChange: () => void) => {
  addEventListener('hashchange', onChange);
  return () => removeEventListener('hashchange', onChange);
};
