-- What an order's or a voucher's step says beside its points: rewards, money, terms. Never a voucher's code.
ALTER TABLE notice_cause ADD COLUMN details json;
