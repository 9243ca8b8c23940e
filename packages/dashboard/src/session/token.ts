/**
 * Where the token is kept: in the tab's own storage, which ends with the tab. A link may bring one behind the `#`,
 * which browsers never send to a server; it leaves the address, and with it the history, before anything is drawn.
 */
const KEY = 'berth.token';

/** The token in the part of an address that begins with `#`. */
export const tokenIn = (hash: string): string | undefined => /^#token=([\w.~-]+)$/.exec(hash)?.[1];

/** The token of this tab; one in the address wins, and is taken out of it. */
export const takeToken = (): string | undefined => {
  const linked = tokenIn(location.hash);
  if (linked !== undefined) {
    history.replaceState(null, '', `${location.pathname}#/`);
    keepToken(linked);
  }
  return sessionStorage.getItem(KEY) ?? undefined;
};

export const keepToken = (token: string): void => sessionStorage.setItem(KEY, token);

export const forgetToken = (): void => sessionStorage.removeItem(KEY);
