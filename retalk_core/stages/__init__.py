"""The paper's figure, one function for each arrow: coefficients, expression, speech, lips, restore."""
