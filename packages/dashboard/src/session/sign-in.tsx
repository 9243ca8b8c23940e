import { type FormEvent, useState } from 'react';
import { Brand } from '../ui/brand.tsx';

interface SignInProps {
  readonly wasRefused: boolean;
  readonly onToken: (token: string) => void;
}

export const SignIn = ({ wasRefused, onToken }: SignInProps) => {
  const [token, setToken] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim() !== '') onToken(token.trim());
  };
  return (
    <main className="sign-in">
      <form className="card" onSubmit={submit}>
        <Brand />
        <p className="soft">
          Open the link printed by <code>berth dashboard</code>, or paste a token of this server.
        </p>
        <label className="field">
          <span>Token</span>
          <input
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
          {wasRefused && (
            <span className="problem" role="alert">
              The server rejected this token.
            </span>
          )}
        </label>
        <button type="submit" className="primary" disabled={token.trim() === ''}>
          Sign in
        </button>
      </form>
    </main>
  );
};
