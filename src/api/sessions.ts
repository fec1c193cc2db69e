/** Limits of claims that both doors keep: the service and whoever writes the record with rights of its own. */

/** Longest session id, in characters. */
export const MAX_SESSION_ID = 128;
/** What a session may be called: everything here passes a URL and a shell unquoted. */
export const SESSION_ID = new RegExp(`^[A-Za-z0-9._:-]{1,${MAX_SESSION_ID}}$`);
/** A week. */
export const MAX_TTL_SECONDS = 604_800;
/** Longest wait for a Pod; who comes again with the same session id keeps its place. */
export const MAX_WAIT_SECONDS = 300;
/** The resource callers need permission on, beside the hsd itself: `hotstandbydeployments/claims`. */
export const CLAIMS_SUBRESOURCE = 'claims';
/** Audience of tokens meant for the claims service alone; tokens for the API server are taken, too. */
export const CLAIMS_AUDIENCE = 'hotstandby-claims';
/** So much of a user name tells users apart: names of certificates and of OIDC have no limit of their own. */
export const MAX_USER_NAME = 253;
