"""Ways to falsify what was sealed."""

from tests.integration.audit.corruption import corruption as _case

SEAL_CORRUPTIONS = (
    _case(
        "a sealed row changed, its hash as well",
        "sealed blocks",
        """CREATE TEMP TABLE kept AS SELECT * FROM redemption.journal ORDER BY entry_id LIMIT 1;
            UPDATE redemption.journal AS j
               SET business_time = j.business_time - interval '1 day', row_hash = redemption.journal_hash(
                   j.program_id, j.member_id, j.lot_id, j.grant_id, j.from_account, j.to_account, j.points,
                   j.cause_type, j.cause_key, j.cause_id, j.business_time - interval '1 day', j.posted_at)
              FROM kept WHERE j.entry_id = kept.entry_id RETURNING 'entry ' || j.entry_id""",
        """UPDATE redemption.journal AS j SET business_time = kept.business_time, row_hash = kept.row_hash
             FROM kept WHERE j.entry_id = kept.entry_id;
           DROP TABLE kept""",
    ),
    _case(
        "a block of other rows",
        "sealed blocks",
        """UPDATE redemption.journal_block SET entries = set_byte(entries, 39, get_byte(entries, 39) # 1)
            WHERE block_no = 1 AND program_id = (SELECT min(program_id) FROM redemption.journal_block)
           RETURNING 'block ' || block_no""",
        """UPDATE redemption.journal_block SET entries = set_byte(entries, 39, get_byte(entries, 39) # 1)
            WHERE block_no = 1 AND program_id = (SELECT min(program_id) FROM redemption.journal_block)""",
    ),
    _case(
        "a block gone",
        "sealed blocks",
        """CREATE TEMP TABLE kept AS SELECT * FROM redemption.journal_block WHERE block_no = 1 AND program_id = (
                SELECT program_id FROM redemption.journal_block ORDER BY block_no DESC, program_id LIMIT 1);
            DELETE FROM redemption.journal_block AS b USING kept
             WHERE (b.program_id, b.block_no) = (kept.program_id, kept.block_no)
            RETURNING 'block ' || b.block_no + 1""",
        "INSERT INTO redemption.journal_block SELECT * FROM kept;\nDROP TABLE kept",
    ),
)
