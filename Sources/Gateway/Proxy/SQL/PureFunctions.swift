/// Functions that a replica may answer: without side effects, and with the same answer on every member that holds the same
/// rows and the same session variables. What is not here (and every stored function) makes a statement go to the leader.
enum PureFunctions {
    static let names: [StaticString] = aggregates + numbers + texts + times + conditions + json + windows + others

    private static let aggregates: [StaticString] = [
        "AVG", "BIT_AND", "BIT_OR", "BIT_XOR", "COUNT", "GROUP_CONCAT", "JSON_ARRAYAGG", "JSON_OBJECTAGG", "MAX", "MIN",
        "STD", "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "SUM", "VARIANCE", "VAR_POP", "VAR_SAMP",
    ]
    private static let numbers: [StaticString] = [
        "ABS", "ACOS", "ASIN", "ATAN", "ATAN2", "BIT_COUNT", "CEIL", "CEILING", "CONV", "COS", "COT", "CRC32", "CRC32C",
        "DEGREES", "EXP", "FLOOR", "LN", "LOG", "LOG10", "LOG2", "MOD", "PI", "POW", "POWER", "RADIANS", "ROUND",
        "SIGN", "SIN", "SQRT", "TAN", "TRUNCATE", "GREATEST", "LEAST", "OCT", "BIN", "HEX", "UNHEX",
    ]
    private static let texts: [StaticString] = [
        "ASCII", "BIT_LENGTH", "CHARACTER_LENGTH", "CHAR_LENGTH", "CHR", "CONCAT", "CONCAT_WS", "ELT", "EXPORT_SET",
        "EXTRACTVALUE", "FIELD", "FIND_IN_SET", "FORMAT", "FROM_BASE64", "INSTR", "LCASE", "LEFT", "LENGTH",
        "LENGTHB", "LOCATE", "LOWER", "LPAD", "LTRIM", "MAKE_SET", "MATCH", "MD5", "MID", "NATURAL_SORT_KEY",
        "OCTET_LENGTH", "ORD", "POSITION", "QUOTE", "REGEXP_INSTR", "REGEXP_REPLACE", "REGEXP_SUBSTR", "REPEAT",
        "REVERSE", "RIGHT", "RPAD", "RTRIM", "SHA", "SHA1", "SHA2", "SOUNDEX", "SPACE", "STRCMP", "SUBSTR",
        "SUBSTRING", "SUBSTRING_INDEX", "TO_BASE64", "TO_CHAR", "TRIM", "UCASE", "UPPER", "WEIGHT_STRING", "SFORMAT",
        "COMPRESS", "UNCOMPRESS", "UNCOMPRESSED_LENGTH", "AES_DECRYPT", "AES_ENCRYPT",
    ]
    private static let times: [StaticString] = [
        "ADDDATE", "ADDTIME", "ADD_MONTHS", "CONVERT_TZ", "CURDATE", "CURRENT_DATE", "CURRENT_TIME",
        "CURRENT_TIMESTAMP", "CURTIME", "DATE", "DATEDIFF", "DATE_ADD", "DATE_FORMAT", "DATE_SUB", "DAY", "DAYNAME",
        "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "EXTRACT", "FROM_DAYS", "FROM_UNIXTIME", "GET_FORMAT", "HOUR",
        "LAST_DAY", "LOCALTIME", "LOCALTIMESTAMP", "MAKEDATE", "MAKETIME", "MICROSECOND", "MINUTE", "MONTH",
        "MONTHNAME", "NOW", "PERIOD_ADD", "PERIOD_DIFF", "QUARTER", "SECOND", "SEC_TO_TIME", "STR_TO_DATE", "SUBDATE",
        "SUBTIME", "SYSDATE", "TIME", "TIMEDIFF", "TIMESTAMPADD", "TIMESTAMPDIFF", "TIME_FORMAT",
        "TIME_TO_SEC", "TO_DAYS", "TO_SECONDS", "UNIX_TIMESTAMP", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "WEEK",
        "WEEKDAY", "WEEKOFYEAR", "YEAR", "YEARWEEK",
    ]
    private static let conditions: [StaticString] = [
        "CAST", "COALESCE", "CONVERT", "IF", "IFNULL", "ISNULL", "NULLIF", "NVL", "NVL2",
        "COLLATION", "COERCIBILITY",
    ]
    private static let json: [StaticString] = [
        "JSON_ARRAY", "JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT", "JSON_COMPACT", "JSON_CONTAINS",
        "JSON_CONTAINS_PATH", "JSON_DEPTH", "JSON_DETAILED", "JSON_EQUALS", "JSON_EXISTS", "JSON_EXTRACT",
        "JSON_INSERT", "JSON_KEYS", "JSON_LENGTH", "JSON_LOOSE", "JSON_MERGE", "JSON_MERGE_PATCH",
        "JSON_MERGE_PRESERVE", "JSON_NORMALIZE", "JSON_OBJECT", "JSON_OVERLAPS", "JSON_PRETTY", "JSON_QUERY",
        "JSON_QUOTE", "JSON_REMOVE", "JSON_REPLACE", "JSON_SEARCH", "JSON_SET", "JSON_TABLE", "JSON_TYPE",
        "JSON_UNQUOTE", "JSON_VALID", "JSON_VALUE",
    ]
    private static let windows: [StaticString] = [
        "CUME_DIST", "DENSE_RANK", "FIRST_VALUE", "LAG", "LAST_VALUE", "LEAD", "MEDIAN", "NTH_VALUE", "NTILE",
        "PERCENTILE_CONT", "PERCENTILE_DISC", "PERCENT_RANK", "RANK", "ROW_NUMBER",
    ]
    private static let others: [StaticString] = [
        "INET6_ATON", "INET6_NTOA", "INET_ATON", "INET_NTOA", "IS_IPV4", "IS_IPV6", "IS_IPV4_COMPAT", "IS_IPV4_MAPPED",
        "ST_ASTEXT", "ST_ASWKT", "ST_ASBINARY", "ST_CONTAINS", "ST_DISTANCE", "ST_DISTANCE_SPHERE", "ST_EQUALS",
        "ST_GEOMFROMTEXT", "ST_INTERSECTS", "ST_WITHIN", "ST_X", "ST_Y", "ST_AREA", "ST_LENGTH", "ST_SRID", "POINT",
    ]
}
