import { type Client, isBerthError } from '@berth/sdk';
import { useState } from 'react';
import { useConnection } from './connection.tsx';
import { type Failure, failureOf } from './failure.ts';

/** A user action on the server. Its result reaches the page through events; only a failure is kept. */
export const useAction = () => {
  const { client, onRefused } = useConnection();
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const act = async <T>(work: (client: Client) => Promise<T>): Promise<T | undefined> => {
    setIsBusy(true);
    setFailure(undefined);
    try {
      return await work(client);
    } catch (error) {
      if (isBerthError(error) && error.kind === 'unauthenticated') onRefused();
      else setFailure(failureOf(error));
      return undefined;
    } finally {
      setIsBusy(false);
    }
  };
  return { act, isBusy, failure };
};
