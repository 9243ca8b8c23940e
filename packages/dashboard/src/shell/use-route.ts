import { useSyncExternalStore } from 'react';
import { type PageRoute, routeOf } from './route.ts';

export const useRoute = (): PageRoute => routeOf(useSyncExternalStore(watch, () => location.hash));

const watch = (onChange: () => void) => {
  addEventListener('hashchange', onChange);
  return () => removeEventListener('hashchange', onChange);
};
