import { useEffect, useState } from 'react';

interface Session {
  readonly token: string | undefined;
  /** The server rejected the previous token. */
  readonly wasRefused: boolean;
}

export const useSession = () => {
  const [session, setSession] = useState<Session>(() => ({ token: takeToken(), wasRefused: false }));
  const end = (wasRefused: boolean) => {
    forgetToken();
    setSession({ token: undefined, wasRefused });
  };
  // Opening a link with a token in this tab changes only the fragment: the page is not reloaded.
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
 * Where the token is kept: in the tab's own storage, which ends with the tab. A link may carry one in the `#`
 * fragment, which browsers never send to a server; it is removed from the URL, and so from the history, before the
 * first render.
 */
const KEY = 'berth.token';

/** The token in the fragment of a URL. */
export const tokenIn = (hash: string): string | undefined => /^#token=([\w.~-]+)$/.exec(hash)?.[1];

/** The token of this tab; one in the URL wins, and is removed from it. */
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
