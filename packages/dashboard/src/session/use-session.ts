import { useEffect, useState } from 'react';
import { forgetToken, keepToken, takeToken } from './token.ts';

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
