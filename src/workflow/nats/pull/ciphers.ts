/**
 * Encryption whose key is the token of the block, so that no certificates are needed. The names of the ciphers are
 * those of TLS 1.2, because the ones of TLS 1.3 would need a certificate beside the key.
 */
export const ciphers = {
	ciphers: "PSK-AES256-GCM-SHA384",
	minVersion: "TLSv1.2",
	maxVersion: "TLSv1.2",
} as const;
