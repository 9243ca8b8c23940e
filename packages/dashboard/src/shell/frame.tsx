import { type ReactNode, useSyncExternalStore } from 'react';
import { useConnection } from '../live/connection.tsx';
import type { FeedStatus } from '../live/feed.ts';
import { Brand } from '../ui/brand.tsx';
import { useRoute } from './route.ts';

const LINKS = [
  ['overview', '#/', 'Overview'],
  ['events', '#/events', 'Events'],
] as const;

const STATUS: Readonly<Record<FeedStatus, string>> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'disconnected',
};

interface FrameProps {
  readonly onSignOut: () => void;
  readonly children: ReactNode;
}

export const Frame = ({ onSignOut, children }: FrameProps) => {
  const { feed } = useConnection();
  const status = useSyncExternalStore(feed.watchStatus, feed.status);
  const { page } = useRoute();
  return (
    <>
      <header className="bar">
        <a className="home" href="#/" aria-label="Berth: overview">
          <Brand />
        </a>
        <nav aria-label="Pages">
          {LINKS.map(([name, address, text]) => (
            <a key={name} href={address} aria-current={page === name ? 'page' : undefined}>
              {text}
            </a>
          ))}
          <a href="/docs">API</a>
        </nav>
        <span className={`feed feed-${status}`} role="status">
          {STATUS[status]}
        </span>
        <a className="button primary" href="#/new">
          New task
        </a>
        <button type="button" className="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <main className="page">{children}</main>
    </>
  );
};
