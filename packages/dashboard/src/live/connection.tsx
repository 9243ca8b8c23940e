/** What every part of a signed-in page needs: the client, the events, and how to report a rejected token. */
import { type Client, createClient } from '@berth/sdk';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { createFeed, type Feed } from './feed.ts';

export interface Connection {
  readonly client: Client;
  readonly feed: Feed;
  readonly onRefused: () => void;
}

interface LiveConnectionProps {
  readonly token: string;
  readonly onRefused: () => void;
  readonly children: ReactNode;
}

const ConnectionContext = createContext<Connection | undefined>(undefined);

export const LiveConnection = ({ token, onRefused, children }: LiveConnectionProps) => {
  const [connection] = useState(() => connect(token, onRefused));
  useEffect(() => {
    const stop = new AbortController();
    void connection.feed.run(stop.signal);
    return () => stop.abort();
  }, [connection]);
  return <ConnectionContext value={connection}>{children}</ConnectionContext>;
};

export const useConnection = (): Connection => {
  const connection = useContext(ConnectionContext);
  if (connection === undefined) throw new TypeError('outside of a LiveConnection');
  return connection;
};

const connect = (token: string, onRefused: () => void): Connection => {
  // Called as a method of the window, or browsers throw.
  const client = createClient({ address: location.origin, token, fetch: (...call) => fetch(...call) });
  return { client, feed: createFeed({ client, onRefused }), onRefused };
};
