/** What scripts/build-schema.mjs makes of workflow.schema.json. */

/** A violation of the schema, as ajv reports it with its option `verbose`. */
export interface SchemaError {
	/** Where in the file: a JSON pointer. */
	readonly instancePath: string;
	readonly schemaPath: string;
	readonly keyword: string;
	/** What each keyword says of the violation; a keyword sets only its own. */
	readonly params: {
		readonly additionalProperty: string;
		readonly propertyName: string;
		readonly missingProperty: string;
	};
	/** The name of the property, if it is the name that is wrong. */
	readonly propertyName?: string;
	/** The value that is wrong. */
	readonly data: unknown;
	/** The part of the schema that was violated. */
	readonly parentSchema: { readonly description?: string; readonly properties?: object };
}

/** Tells whether a value follows the schema; if not, `validate.errors` says what is wrong. */
export const validate: { (value: unknown): boolean; errors: SchemaError[] | null };
