import { useEffect, useState } from 'react';

interface Session {
  readonly token: string | undefined;
  /** The server did not take the token that was used before. */
  readonly wasRefused: boolean;
}

export const useSession = () => {
  const [session, setSession] = useState<Session>(() => ({ token: takeToken(), wasRefused: false }));
  const end = (wasRefused: boolean) => {
    forgetToken();
    setSession({ token: undefined, wasRefused });
  };
  // A link with a token that is opened in this tab changes only what follows the `#`: nothing is loaded anew.
  useEffect(() => {
    const look = () => {
      const token = takeToken();
      if (token !== undefined)
        setSession((now) => (now.token === token ? now : { token, wasRefused: false }));
    };
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return {
    ...session,
    signIn: (token: string) => {
      keepToken(token);
      setSession({ token, wasRefused: false });
    },
    signOut: () => end(false),
    refuse: () => end(true),
  };
};

/**
 * Where the token is kept: in the tab's own storage, which ends with the tab. A link may bring one behind the `#`,
 * which browsers never send to a server; it leaves the address, and with it the history, before anything is drawn.
 */
const KEY = 'berth.token';

/** The token in the part of an address that begins with `#`. */
export const tokenIn = (hash: string): string | undefined => /^#token=([\w.~-]+)$/.exec(hash)?.[1];

/** The token of this tab; one in the address wins, and is taken out of it. */
const takeToken = (): string | undefined => {
  const linked = tokenIn(location.hash);
  if (linked !== undefined) {
    history.replaceState(null, '', `${location.pathname}#/`);
    keepToken(linked);
  }
  return sessionStorage.getItem(KEY) ?? undefined;
};

const keepToken = (token: string): void => sessionStorage.setItem(KEY, token);

const forgetToken = (): void => sessionStorage.removeItem(KEY);
