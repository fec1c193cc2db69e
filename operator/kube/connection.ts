/** TLS settings, PEM. Without `ca` the machine's own authorities count. */
export interface TlsSettings {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  /** Name to expect in the certificate instead of the server's host. */
  servername?: string;
  /** false: accept any certificate. */
  rejectUnauthorized?: boolean;
}

/** How to reach one API server, whatever the configuration came from. */
export interface Connection {
  /** Base URL without a trailing slash, for example `https://10.96.0.1:443`. */
  server: string;
  /** As they were read at the start. */
  tls: TlsSettings;
  /**
   * As they are now, asked before every request; the same object as before while nothing has changed. Absent where they
   * cannot change.
   * @param isRefused the server did not take the last ones, or they did not take the server
   */
  currentTls?: (isRefused: boolean) => Promise<TlsSettings>;
  /**
   * Value of the Authorization header, asked before every request; absent when certificates are enough.
   * @param rejected a value the server has just answered 401 to: a cached copy of it is worthless
   * @throws ConfigError when the token cannot be had (an exec plugin fails)
   */
  authorization?: (rejected?: string) => Promise<string | undefined>;
  /** Further headers of every request (impersonation). */
  headers?: Record<string, string>;
  /** `http://` or `https://` proxy to tunnel through. */
  proxyUrl?: string;
  /** Namespace of the kubeconfig context, or of the Pod the operator runs in. */
  namespace?: string;
}
